import type { OwnRule } from "./own-rule.ts";
import { isExamplePassword, isPassword, isPlaceholder, isRandom, isUuid } from "./values.ts";

/**
 * What the maintained rules do not find and has a shape of its own. Beside each stands where the
 * shape is documented. "Scanning patterns" is GitHub's list of token types it knows.
 * https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
 */
export const SHAPES: readonly OwnRule[] = [
  {
    // Any PEM private key, encrypted and PGP ones too (RFC 7468, RFC 1421, RFC 9580).
    rule: "private-key",
    hints: ["PRIVATE KEY"],
    pattern:
      /-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:(?!-{4})[^]){1,16000}-{4,5} ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}/g,
    length: (key) => (/[A-Za-z0-9+/=]{30}/.test(key) ? key.length : 0),
  },
  {
    // The same where its end was cut off.
    rule: "private-key",
    hints: ["PRIVATE KEY"],
    pattern:
      /-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}(?:(?:[\s>|]|\\[nr]){1,20}[A-Za-z0-9+/=]{16,100}){1,300}/g,
  },
  {
    // RFC 7515 (three parts) and RFC 7516 (five): a JSON object in base64url starts with eyJ.
    rule: "jwt",
    hints: ["eyJ"],
    pattern:
      /(?<![\w-])eyJ[\w-]{10,4000}\.(?:eyJ[\w-]{5,8000}\.[\w-]{16,2000}|[\w-]{0,2000}\.[\w-]{8,2000}\.[\w-]{8,8000}\.[\w-]{8,2000})(?![\w-])/g,
  },
  {
    // RFC 6750, section 2.1.
    rule: "bearer-token",
    hints: ["earer", "EARER"],
    pattern: /\bBearer[ \t]{1,8}(?<secret>[A-Za-z0-9._~+/-]{12,4000}={0,2})(?![\w=])/gi,
    length: (token) => (isRandom(token, 12) || isUuid(token) ? token.length : 0),
  },
  {
    // RFC 7617: `user:password` in base64.
    rule: "basic-auth",
    hints: ["asic", "ASIC"],
    pattern: /\bBasic[ \t]{1,8}(?<secret>[A-Za-z0-9+/]{8,2000}={0,2})(?![\w+/=])/gi,
    length: userAndPassword,
  },
  {
    // The same in ~/.docker/config.json (docker-login, "Credential stores") and .npmrc (npm, "_auth").
    rule: "basic-auth",
    hints: ["auth"],
    pattern: /(?:"auth"\s{0,8}:\s{0,8}"|\b_auth ?= ?"?)(?<secret>[A-Za-z0-9+/]{8,2000}={0,2})(?![\w+/=])/g,
    length: userAndPassword,
  },
  {
    // RFC 3986, section 3.2.1: `scheme://user:password@host`; databases, brokers and proxies too.
    rule: "url-password",
    hints: ["://"],
    pattern:
      /\b[a-z][a-z0-9+.-]{1,30}:\/\/(?<user>[^\s:@/"'`<>|]{0,200}):(?<secret>[^\s/?#"'`<>|]{1,300})(?=@[\w.[%-])/gi,
    length: (password, { groups }) => {
      const example = isExamplePassword(password) || password === groups?.["user"];
      return password.length < 4 || example || PORT.test(password) || isPlaceholder(password)
        ? 0
        : password.length;
    },
  },
  {
    // The token is the user's name here (github.blog, "Easier builds and deployments using Git over HTTPS and OAuth").
    rule: "url-token",
    hints: [":x-oauth-basic@"],
    pattern: /:\/\/(?<secret>[^\s:@/"'`<>|]{8,255})(?=:x-oauth-basic@)/g,
  },
  {
    // curl(1), `-u`.
    rule: "command-password",
    hints: ["curl"],
    pattern: /\bcurl\b[^\r\n]{0,400}? (?:-u|--user)[ =]?["']?[^\s:"'`]{1,100}:(?<secret>[^\s"'`]{1,200})/g,
    length: (password) => (isPassword(password, "literal") ? password.length : 0),
  },
  {
    // mysql(1), `-p` without a space; sshpass(1), `-p`.
    rule: "command-password",
    hints: ["mysql", "mariadb", "sshpass"],
    pattern:
      /\b(?:(?:mysql|mariadb)[a-z]{0,10}\b[^\r\n|;]{0,200}? -p|sshpass -p ?)["']?(?<secret>[^\s"'`]{1,200})/g,
    length: (password) => (isPassword(password, "literal") ? password.length : 0),
  },
  {
    // netrc(5).
    rule: "netrc-password",
    hints: ["login"],
    pattern: /\blogin\s{1,8}\S{1,100}\s{1,8}password\s{1,8}(?<secret>\S{1,200})/g,
    length: (password) => (isPassword(password, "literal") ? password.length : 0),
  },
  {
    // RFC 6265, section 4: what a browser was given to be known again by.
    rule: "cookie",
    hints: ["ookie", "OOKIE"],
    pattern: /[\w.%-]{1,64}=(?<secret>[^\s;"'`,<>|]{16,2000})/g,
    length: (value, { index, input }) => {
      if (!isRandom(value, 16)) return 0;
      const before = input.slice(Math.max(0, index - 2_000), index);
      const line = before.slice(Math.max(before.lastIndexOf("\n"), before.lastIndexOf("\r")) + 1);
      return /\bcookie["']?[ \t]{0,8}[:=]/i.test(line) ? value.length : 0;
    },
  },
  {
    // The same in base64, as in a kubeconfig's `client-key-data` and in CI for a service account of Google.
    rule: "private-key",
    hints: ["LS0tLS1CRUdJTi", "ewog", "eyJ"],
    pattern: /(?<![\w+/])(?:LS0tLS1CRUdJTi|ewog|eyJ)[A-Za-z0-9+/]{100,}={0,2}/g,
    length: (encoded) => (Buffer.from(encoded, "base64").includes("PRIVATE KEY-----") ? encoded.length : 0),
  },
  // AWS, tokens of sessions: docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html; longer than any named value.
  token("aws-session-token", "3JpZ2lu", /IQoJb3JpZ2lu[A-Za-z0-9+/]{100,}={0,2}/g),
  // Google: API keys, OAuth clients, access and refresh tokens (cloud.google.com/docs/authentication/api-keys; Scanning patterns).
  token("google-api-key", "AIza", /AIza[\w-]{30,}/g),
  token("google-oauth-client-secret", "GOCSPX-", /GOCSPX-[\w-]{28}/g),
  token("google-oauth-token", "ya29.", /ya29\.[\w-]{20,}/g),
  token("google-oauth-token", "1//0", /1\/\/0[\w-]{40,}/g),
  // Hugging Face, with digits too: huggingface.co/docs/hub/security-tokens; the maintained rule knows letters alone.
  token("huggingface-token", "hf_", /hf_[A-Za-z0-9]{30,}/g),
  token("huggingface-token", "api_org_", /api_org_[A-Za-z0-9]{30,}/g),
  // Telegram: core.telegram.org/bots/api#authorizing-your-bot.
  random("telegram-bot-token", ":", /\d{6,12}:[\w-]{32,40}/g),
  // PyPI: pypi.org/help/#apitoken.
  random("pypi-token", "pypi-", /pypi-[\w-]{40,}/g),
  // Anthropic: keys for administration and signed-in sessions; the maintained rule knows `api` alone.
  token("anthropic-token", "sk-ant-", /sk-ant-[a-z]{3,10}\d{2}-[\w-]{40,}/g),
  // OpenAI and all that took over its form: OpenRouter, DeepSeek, Langfuse, LiteLLM (Scanning patterns).
  random("sk-key", "sk-", /sk-[\w-]{20,}/g),
  token("perplexity-key", "pplx-", /pplx-[A-Za-z0-9]{48}/g),
  token("xai-key", "xai-", /xai-[A-Za-z0-9]{70,}/g),
  token("replicate-token", "r8_", /r8_[A-Za-z0-9]{37}/g),
  token("langsmith-key", "lsv2_", /lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}/g),
  token("pinecone-key", "pcsk_", /pcsk_[A-Za-z0-9]{5,10}_[A-Za-z0-9]{40,}/g),
  // GitLab: docs.gitlab.com/security/tokens/#token-prefixes; the maintained rule knows `glpat-` alone, without its routing part.
  token(
    "gitlab-token",
    "gl",
    /gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[\w-]{20,}(?:\.[a-z0-9]{2}\.[a-z0-9]{9})?/g,
  ),
  // Slack: docs.slack.dev/authentication/tokens; configuration and browser tokens.
  token("slack-token", "xox", /xox[a-z](?:\.xox[a-z])?-(?:\d-)?[A-Za-z0-9%-]{20,}/g),
  // Discord: docs.discord.com/developers/reference#authentication, /resources/webhook.
  random("discord-bot-token", ".", /[MNO][A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,}/g),
  token("webhook-url", "/api/webhooks/", /(?<=\/api\/webhooks\/\d{17,20}\/)[\w-]{60,}/g),
  // Stripe: docs.stripe.com/webhooks/signature, and Svix, which signs the same way.
  token("webhook-secret", "whsec_", /whsec_[A-Za-z0-9+/]{24,80}={0,2}/g),
  // Mail: developers.brevo.com, mailchimp.com/developer, resend.com/docs, www.twilio.com/docs/sendgrid.
  token("brevo-key", "xkeysib-", /xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}/g),
  token("mailchimp-key", "-us", /[0-9a-f]{32}-us\d{1,2}/g),
  random("resend-key", "re_", /re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}/g),
  token("sendgrid-key", "SG.", /SG\.[\w-]{22}\.[\w-]{43}/g),
  // Clouds and hosts (Scanning patterns): DigitalOcean, Azure's client secrets, Netlify, Supabase, PlanetScale, Heroku, Terraform.
  token("digitalocean-token", "_v1_", /do[opr]_v1_[a-f0-9]{64}/g),
  token("azure-client-secret", "Q~", /[\w.~-]{3}\dQ~[\w.~-]{31,34}(?![\w.~-])/g),
  token("netlify-token", "nf", /nf[pcoub]_[A-Za-z0-9]{36}/g),
  token("supabase-token", "sb", /(?:sbp_[a-f0-9]{40}|sb_secret_[\w-]{20,})/g),
  token("planetscale-token", "pscale_", /pscale_(?:tkn|pw|oauth)_[\w.=-]{32,}/g),
  token("heroku-token", "HRKU-", /HRKU-[\w-]{36,}/g),
  token("terraform-token", ".atlasv1.", /[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}/g),
  // Tools (Scanning patterns): Atlassian, Postman, Sentry, New Relic, PostHog, Doppler.
  token("atlassian-token", "AT", /AT(?:ATT3x|CTT3x|BB)[\w=-]{24,}/g),
  token("postman-key", "PMAK-", /PMAK-[a-f0-9]{24}-[a-f0-9]{34}/g),
  token("sentry-token", "sntry", /sntry(?:u_[a-f0-9]{64}|s_eyJ[\w+/=-]{40,})/g),
  token("new-relic-key", "NRAK-", /NRAK-[A-Z0-9]{27}/g),
  token("posthog-key", "phx_", /phx_[A-Za-z0-9]{40,}/g),
  token("doppler-token", "dp.", /dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}/g),
  // Registries: crates.io (`cargo login`), rubygems.org (guides.rubygems.org/api-key-scopes).
  random("crates-token", "cio", /cio[A-Za-z0-9]{32}/g),
  token("rubygems-key", "rubygems_", /rubygems_[a-f0-9]{48}/g),
  // age: github.com/C2SP/C2SP/blob/main/age.md, "The X25519 recipient type".
  token("age-key", "AGE-SECRET-KEY-1", /AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}/g),
];

/** `http://localhost:3000),me@example.com` */
const PORT = /^\d{2,5}(?:\W|$)/;

function token(rule: string, hint: string, pattern: RegExp): OwnRule {
  return { rule, hints: [hint], pattern: alone(pattern) };
}

/** For shapes that ordinary words can have too. */
function random(rule: string, hint: string, pattern: RegExp): OwnRule {
  return {
    rule,
    hints: [hint],
    pattern: alone(pattern),
    length: (key) => (isRandom(key, 1) ? key.length : 0),
  };
}

/** No token starts or ends in the middle of a word. */
function alone(pattern: RegExp): RegExp {
  return new RegExp(`(?<![A-Za-z0-9])(?:${pattern.source})(?![A-Za-z0-9])`, pattern.flags);
}

function userAndPassword(encoded: string): number {
  const decoded = Buffer.from(encoded, "base64").toString("latin1");
  return /^[\x21-\x7E]*:[\x20-\x7E]+$/.test(decoded) && !isExamplePassword(decoded.split(":")[1] ?? "")
    ? encoded.length
    : 0;
}
