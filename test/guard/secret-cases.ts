import type { MadeUp } from "./made-up.ts";

/** One secret in the text around it. What stands before and after it must survive to the letter. */
export interface SecretCase {
  readonly kind: string;
  readonly before: string;
  readonly secret: string;
  readonly after: string;
  /** Why it is known to be missed. */
  readonly missed?: string;
}

/** The table. `make` gives other secrets of the same shapes at each call. */
export function secretCases(make: MadeUp): SecretCase[] {
  const cases: SecretCase[] = [];
  const row = (kind: string, before: string, secret: string, after = "\n", missed?: string): void => {
    cases.push({ kind, before, secret, after, ...(missed === undefined ? {} : { missed }) });
  };

  // Shapes that the maintained rules know.
  row("GitHub, classic", "The bot pushes with ", `ghp_${make.base62(36)}`, ", see below.\n");
  row("GitHub, server", "```sh\nexport GH_TOKEN=", `ghs_${make.base62(36)}`, "\n```\n");
  row("GitHub, fine-grained", "| CI | `", `github_pat_${make.base62(22)}_${make.base62(59)}`, "` |\n");
  row("GitHub, as a URL's user", "git clone https://", `ghp_${make.base62(36)}`, "@github.com/a/b.git\n");
  row("GitLab", "- [ ] rotate ", `glpat-${make.base62(20)}`, "\r\n");
  row("GitLab, routable", "token ", `glpat-${make.base62(27)}.01.${make.hex(9)}`);
  row("GitLab, deploy", "  GITLAB_DEPLOY: ", `gldt-${make.base62(20)}`);
  row("AWS, secret key", "AWS_SECRET_ACCESS_KEY=", make.base64(40));
  row("AWS, secret key, YAML", "  aws_secret_access_key: '", make.base64(40), "'\n");
  row("AWS, secret key, JSON", '{"AwsSecretAccessKey": "', make.base64(40), '"}');
  row("AWS, secret key, table", "| aws_secret_access_key | ", make.base64(40), " |\n");
  row("AWS, key id", "The key ", `AKIA${make.upper(16)}`, " was used on 2026-11-22.\n");
  row("AWS, passing key id", "aws_access_key_id = ", `ASIA${make.upper(16)}`);
  row("Slack, bot", "SLACK=", `xoxb-${make.digits(12)}-${make.digits(13)}-${make.base62(24)}`);
  row("Slack, browser", "`", `xoxc-${make.digits(12)}-${make.digits(13)}-${make.hex(64)}`, "`");
  row(
    "Slack, webhook",
    "Alerts go to ",
    `https://hooks.slack.com/services/T${make.upper(8)}/B${make.upper(10)}/${make.base62(24)}`,
  );
  row("private key, RSA", "Deploy key:\n\n", make.pem("RSA "), "\n\nThat was it.\n");
  row("private key, PKCS#8, CRLF", "```\r\n", make.pem("", "\r\n"), "\r\n```\r\n");
  row("private key, in JSON", '{"private_key": "', make.pem("", String.raw`\n`), String.raw`\n", "x": 1}`);
  row("private key, quoted", "> ", make.pem("EC ", "\n> "), "\n> and on\n");
  row("private key, encrypted", "", make.pem("ENCRYPTED "));
  row(
    "private key, legacy encryption",
    "",
    withHeaders(make.pem("RSA "), "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n"),
  );
  row(
    "private key, PGP",
    "",
    withHeaders(make.pem("PGP "), "Version: GnuPG v2\n\n").replaceAll("KEY-", "KEY BLOCK-"),
  );
  row(
    "private key, cut off",
    "head -5 key.pem\n",
    make.pem("OPENSSH ").split("\n").slice(0, 5).join("\n"),
    "\n\n(the rest is in the vault)\n",
  );
  row("npm", "//registry.npmjs.org/:_authToken=", `npm_${make.base62(36)}`);
  row(
    "npm, of old",
    "//registry.npmjs.org/:_authToken=",
    make.uuid(),
    "\n",
    "a UUID behind `token` mostly names a thing",
  );
  row("OpenAI", "OPENAI_API_KEY=", `sk-proj-${make.base64url(74)}T3BlbkFJ${make.base64url(74)}`);
  row("OpenAI, of old", "key: ", `sk-${make.base62(20)}T3BlbkFJ${make.base62(20)}`);
  row("Anthropic", 'ANTHROPIC_API_KEY="', `sk-ant-api03-${make.base64url(93)}AA`, '"\n');
  row("Anthropic, session", "CLAUDE_CODE_OAUTH_TOKEN=", `sk-ant-oat01-${make.base64url(93)}AA`);
  row("OpenRouter", "with **", `sk-or-v1-${make.hex(64)}`, "**\n");
  row("DeepSeek", "uses ", `sk-${make.hex(32)}`, ".\n");
  row("Groq", "", `gsk_${make.base62(52)}`);
  row("Hugging Face", "HF_TOKEN=", `hf_${make.letters(34)}`);
  row("Hugging Face, with digits", "login with ", `hf_${make.base62(34)}`, "\n");
  row("SendGrid", "", `SG.${make.base64url(22)}.${make.base64url(43)}`);
  row("Stripe", "stripe.setApiKey('", `sk_live_${make.base62(24)}`, "')\n");
  row("Stripe, restricted", "", `rk_test_${make.base62(99)}`);
  row("Stripe, webhook", "STRIPE_WEBHOOK=", `whsec_${make.base62(32)}`);
  row("Shopify", "", `shpat_${make.hex(32)}`);
  row("Vault", "VAULT_TOKEN=", `hvs.${make.base62(95)}`);
  row("Linear", "", `lin_api_${make.base62(40)}`);
  row("Notion", "", `ntn_${make.digits(11)}${make.base62(35)}`);
  row("Docker Hub", "docker login -u me -p ", `dckr_pat_${make.base62(27)}`);
  row("Databricks", "", `dapi${make.hex(32)}`);
  row("Tailscale", "tailscale up --authkey ", `tskey-auth-${make.base62(16)}-${make.base62(32)}`);

  // Shapes that our own table adds.
  row("JWT", "curl -H 'Authorization: Bearer ", make.jwt(), "' https://api.example.com/\n");
  row("JWT, in a URL", "https://app.example.com/#id_token=", make.jwt(), "&state=1\n");
  row("bearer token", "Authorization: Bearer ", make.base62(40));
  row("bearer token, JSON", '"authorization": "bearer ', make.hex(40), '",\n');
  row(
    "basic authentication",
    "Authorization: Basic ",
    Buffer.from(`deploy:${make.password()}`).toString("base64"),
  );
  row("Docker's config", '"auth": "', Buffer.from(`me:${make.password()}`).toString("base64"), '"\n');
  row("URL, PostgreSQL", "DATABASE_URL=postgres://app:", make.password(), "@db.internal:5432/app\n");
  row("URL, MongoDB", "mongodb+srv://svc:", make.base62(16), "@cluster0.abcde.mongodb.net/prod?w=majority\n");
  row("URL, Redis without a user", "redis://:", make.base62(20), "@cache:6379/0\n");
  row("URL, AMQP", "`amqps://worker:", make.password(), "@mq.example.com/vhost`\n");
  row("URL, a plain word", "mysql://shop:", "swordfish", "@db/shop\n");
  row("URL, http", "proxy: http://me:", make.password(), "@proxy:3128\n");
  row("URL, token as the user", "https://", make.hex(40), ":x-oauth-basic@github.com/a/b\n");
  row("Google, API key", "https://maps.googleapis.com/js?key=", `AIza${make.base64url(35)}`, "&v=3\n");
  row("Google, OAuth client", "client: ", `GOCSPX-${make.base64url(28)}`);
  row("Google, access token", "", `ya29.${make.base64url(150)}`);
  row("Telegram", "bot ", `${make.digits(10)}:AA${make.base64url(33)}`);
  row("PyPI", "twine upload -p ", `pypi-AgEIcHlwaS5vcmc${make.base64url(120)}`);
  row("Discord, bot", "", `M${make.base62(25)}.${make.base62(6)}.${make.base62(38)}`);
  row("Discord, webhook", `https://discord.com/api/webhooks/${make.digits(18)}/`, make.base64url(68));
  row("DigitalOcean", "", `dop_v1_${make.hex(64)}`);
  row("Azure, client secret", "", `${make.base62(3)}8Q~${make.base62(34)}`);
  row("Supabase", "", `sbp_${make.hex(40)}`);
  row("Atlassian", "", `ATATT3xFfGF0${make.base64url(180)}`);
  row("AWS, session", "aws_session_token=", `IQoJb3JpZ2lu${make.base64(900)}==`);
  row("kubeconfig", "    client-key-data: ", Buffer.from(make.pem("RSA ")).toString("base64"));
  row(
    "service account in base64",
    "GCP_KEY=",
    Buffer.from(JSON.stringify({ private_key: make.pem() })).toString("base64"),
  );
  row("age", "# key\n", `AGE-SECRET-KEY-1${"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".repeat(2).slice(0, 58)}`);

  // Values that only their names tell.
  row("password, env", "DB_PASSWORD=", make.password());
  row("password, env, quoted", "export SMTP_PASS='", make.password(), "'\n");
  row("password, YAML", "db:\n  user: app\n  password: ", make.password(), "\n  host: db\n");
  row("password, JSON", '{"user":"app","password":"', make.base62(12), '","ttl":5}');
  row("password, JSON in a string", String.raw`"{\"password\":\"`, make.base62(12), String.raw`\"}"`);
  row("password, prose", "The admin password is `", make.password(), "` until Friday.\n");
  row("password, bold", "**Password:** ", make.password(), "\r\n");
  row("password, table", "| password | ", make.password(), " |\n");
  row("password, connection string", "Server=db;User Id=sa;Password=", make.password(), ";Encrypt=true\n");
  row("password, a word in the environment", "docker run -e POSTGRES_PASSWORD=", "swordfish", " postgres\n");
  row("password, words in the environment", "DB_PASSWORD=", "SuperSecretPassword");
  row("password, without digits", "password = '", "SuperSecret!", "'\n");
  row("password, as an argument", 'settings.set("password", "', make.password(), '")\n');
  row("password, of digits", "ROUTER_PASSWORD=", make.digits(8));
  row("password, the classic", "password: ", "hunter2");
  row("password, XML", "<password>", make.password(), "</password>\n");
  row("password, flag", "mysqldump --password ", make.password(), " shop\n");
  row("password, mysql", "mysql -u root -p", make.password(), " shop\n");
  row("password, curl", "curl -u deploy:", make.password(), " https://ci.example.com\n");
  row("password, netrc", "machine ftp.example.com login me password ", make.password());
  row("secret, env", "JWT_SECRET=", make.base64(44));
  row("secret, TypeScript", "const clientSecret = '", make.base62(32), "';\n");
  row("secret, YAML", "  client_secret: ", make.base64url(40), "  # staging\n");
  row("secret, a UUID", '"client_secret": "', make.uuid(), '"\n');
  row("API key, YAML", "api_key: ", make.hex(32));
  row("API key, header", "X-Api-Key: ", make.base62(40));
  row("API key, prose", "Their API key: ", make.base62(32), "\n");
  row("API key, TOML", 'api-key = "', make.base62(24), '"\n');
  row("API key, URL", "https://api.example.com/v1?api_key=", make.hex(40), "&page=2\n");
  row(
    "API key, Azure storage",
    "DefaultEndpointsProtocol=https;AccountKey=",
    `${make.base64(86)}==`,
    ";EndpointSuffix=core.windows.net\n",
  );
  row("API key, made up", "api_key=", "abcdef123456");
  row("token, made up", 'token: "', "mytoken12345", '"\n');
  row("token, flag", "deploy --token ", make.hex(40), " --prod\n");
  row("token, flag with equals", "deploy --auth-token=", make.base62(24), " --prod\n");
  row("token, bullet", "- **Token**: `", make.base62(40), "`\n");
  row("token, Windows line", "set CI_TOKEN=", make.hex(32), "\r\n");
  row("cookie", "Cookie: theme=dark; session=", make.base64url(48), "; lang=en\n");

  // Places where a token's start is hard to see.
  row("after colours", "\u241B[31m", `ghp_${make.base62(36)}`, "\u241B[0m\n");
  row("after a line break in a string", String.raw`"a\n`, `ghp_${make.base62(36)}`, String.raw`\nb"`);
  row("after characters of three and four bytes", "ключ → 😀", `ghp_${make.base62(36)}`, "😀\n");
  row("at the end, without a newline", "# State\n\ntoken ", `glpat-${make.base62(20)}`, "");

  // Known misses.
  row(
    "a word as password",
    "password: ",
    "swordfish",
    "\n",
    "nothing tells it from the first word of a sentence",
  );
  row("a passphrase", 'passphrase: "', "correct horse battery staple", '"\n', "it reads as prose");
  row("half a token", "ghp_", make.base62(18), " (cut)\n", "half a token opens nothing");
  return cases;
}

function withHeaders(pem: string, headers: string): string {
  return pem.replace("\n", `\n${headers}`);
}
