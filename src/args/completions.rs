//! Completion scripts: clap's, and what clap cannot know, the ids of this computer's sessions. Pure.
//!
//! The ids come from `graph-attach status` while the shell completes. The rest is fixed text, so
//! that it can be packaged, and costs no process.

use clap::Command;
use clap_complete::Shell;

/// The script for `shell`.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "graph-attach", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Bash => bash(&script),
        Shell::Zsh => zsh(&script),
        Shell::Fish => script + FISH,
        _ => script,
    }
}

/// The options of `command` whose value is the next word.
fn with_value(command: &Command) -> Vec<String> {
    let options = command.get_arguments().filter(|option| {
        !option.is_positional()
            && !option.is_require_equals_set()
            && option
                .get_num_args()
                .is_none_or(|count| count.takes_values())
            && option.get_action().takes_values()
    });
    options
        .filter_map(|option| option.get_long())
        .map(|long| format!("--{long}"))
        .collect()
}

fn bash(script: &str) -> String {
    let mut root = super::command();
    root.build();
    let mut options = with_value(&root);
    for name in ["resume", "cancel", "status"] {
        options.extend(root.find_subcommand(name).into_iter().flat_map(with_value));
    }
    options.sort();
    options.dedup();
    // The generator takes the hyphen of a program's name for the start of a subcommand where it
    // labels the cases, and nowhere else: without this, no subcommand would complete its options.
    let script = script
        .replace("graph__subcmd__attach", "graph__attach")
        .replace("complete -F _graph__attach ", "complete -F _graph_attach ");
    let own = BASH.replace("@OPTIONS@", &options.join("|"));
    match script.find("\nif [[ \"${BASH_VERSINFO[0]}\" -eq 4") {
        Some(at) => format!("{}{own}{}", &script[..at], &script[at..]),
        None => script + &own,
    }
}

fn zsh(script: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in script.lines() {
        let action = [
            (
                "'*::targets -- ",
                ":_files' \\",
                ":_graph-attach_resumable' \\",
            ),
            (
                "'*::sessions -- ",
                ":_default' \\",
                ":_graph-attach_unfinished' \\",
            ),
            (
                "'::session -- ",
                ":_default' \\",
                ":_graph-attach_sessions' \\",
            ),
        ]
        .into_iter()
        .find(|(start, end, _)| line.starts_with(start) && line.ends_with(end));
        if line.starts_with("if [ \"$funcstack[1]\"") {
            lines.extend(ZSH.lines().map(str::to_owned));
        }
        lines.push(match action {
            Some((_, old, new)) => format!("{}{new}", &line[..line.len() - old.len()]),
            None => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

const BASH: &str = r#"
# The ids of this computer's sessions, where a session belongs.
_graph_attach() {
    local at command="" wanted id state ids=""
    _graph__attach "$@"
    for ((at = 1; at < COMP_CWORD; at++)); do
        case "${COMP_WORDS[at]}" in
            @OPTIONS@) ((at++)) ;;
            -*) ;;
            *) command="${COMP_WORDS[at]}"; break ;;
        esac
    done
    case "$command" in
        resume|cancel) wanted="unfinished" ;;
        status|sessions) wanted="all" ;;
        *) return 0 ;;
    esac
    [[ "$2" == -* ]] && return 0
    case "$3" in
        @OPTIONS@) return 0 ;;
    esac
    while IFS=$'\t' read -r id state _; do
        [[ "$wanted" == "all" || "$state" != "finished" ]] && ids+=" $id"
    done < <("$1" status --all 2>/dev/null)
    COMPREPLY=($(compgen -W "$ids" -- "$(printf '%s' "$2" | tr '[:lower:]' '[:upper:]')"))
}
"#;

const ZSH: &str = r#"# The ids of this computer's sessions, where a session belongs.
_graph-attach_sessions() {
    local id state acknowledged size item file
    local -a sessions
    while IFS=$'\t' read -r id state acknowledged size item file; do
        [[ "$_graph_attach_wanted" == "unfinished" && "$state" == "finished" ]] && continue
        sessions+=("$id:$state ${${file:t}//:/\\:}")
    done < <(_call_program sessions graph-attach status --all 2>/dev/null)
    _describe -t sessions 'session' sessions
}

_graph-attach_unfinished() {
    local _graph_attach_wanted="unfinished"
    _graph-attach_sessions
}

_graph-attach_resumable() {
    _graph-attach_unfinished
    _files
}
"#;

const FISH: &str = r#"
# The ids of this computer's sessions, where a session belongs.
function __fish_graph_attach_sessions
    graph-attach status --all 2>/dev/null | while read -l --delimiter \t id state acknowledged size item file
        if test "$argv[1]" = all; or test "$state" != finished
            printf '%s\t%s %s\n' $id $state (string replace --regex '.*/' '' -- $file)
        end
    end
end
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -a "(__fish_graph_attach_sessions unfinished)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -f -a "(__fish_graph_attach_sessions unfinished)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status sessions" -f -a "(__fish_graph_attach_sessions all)"
"#;
