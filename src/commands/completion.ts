import { basename } from "node:path";
import { isShell, type Shell } from "./shells.ts";
import { EXIT, type ExitCode } from "../errors.ts";
import { type CommandContext, printText } from "./context.ts";

/**
 * All three ask the program, which knows its commands; the words after the cursor are none of its
 * business. bash's is for 3.2 as well, which is what macOS has.
 */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `###-begin-state-syncd-completions-###
# Installation: state-syncd completion --shell bash >> ~/.bashrc
_state_syncd_completions()
{
  local word
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(
    state-syncd --get-yargs-completions bash "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null
  )
}
complete -o bashdefault -o default -F _state_syncd_completions state-syncd
###-end-state-syncd-completions-###`,
  zsh: `#compdef state-syncd
###-begin-state-syncd-completions-###
# Installation: state-syncd completion --shell zsh >> ~/.zshrc
_state_syncd_completions()
{
  local -a found
  found=("\${(@f)$(state-syncd --get-yargs-completions zsh "\${(@)words[1,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then
    _describe 'state-syncd' found
  else
    _default
  fi
}
if [[ "\${zsh_eval_context[-1]}" == "loadautofunc" ]]; then
  _state_syncd_completions "$@"
else
  compdef _state_syncd_completions state-syncd
fi
###-end-state-syncd-completions-###`,
  fish: `###-begin-state-syncd-completions-###
# Installation: state-syncd completion --shell fish > ~/.config/fish/completions/state-syncd.fish
function __state_syncd_completions
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l found (state-syncd --get-yargs-completions fish $words "$current" 2>/dev/null)
  if test "$found" = ":path"
    __fish_complete_path "$current"
  else
    printf '%s\\n' $found
  end
end
complete -c state-syncd -f -a '(__state_syncd_completions)'
###-end-state-syncd-completions-###`,
};

/** `completion`: a script for one's shell, to be put where that shell looks. */
export async function completion(
  { shell }: { readonly shell: Shell | undefined },
  context: CommandContext,
): Promise<ExitCode> {
  printText(context, SCRIPTS[shell ?? shellIn(process.env)]);
  return EXIT.ok;
}

/** By the login shell; a zsh that is not one says so of itself. */
function shellIn(env: NodeJS.ProcessEnv): Shell {
  const named = basename(env["SHELL"] ?? "");
  if (isShell(named)) return named;
  return env["ZSH_NAME"] === undefined ? "bash" : "zsh";
}
