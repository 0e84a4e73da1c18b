# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_graph_attach_global_optspecs
    string join \n cloud= endpoint= profile= config= token-file= token-command= ca-file= state-dir= json q/quiet v/verbose log-file= color= progress= h/help V/version
end

function __fish_graph_attach_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_graph_attach_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_graph_attach_using_subcommand
    set -l cmd (__fish_graph_attach_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c graph-attach -n "__fish_graph_attach_needs_command" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_needs_command" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "attach" -d 'Attach files to a message or an event'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "resume" -d 'Finish interrupted uploads and mails'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "cancel" -d 'End upload sessions, here and at the service'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "status" -d 'List the upload sessions known on this computer'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "prune" -d 'Forget sessions that are finished or expired'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "draft" -d 'Make a draft and print its id'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "find" -d 'List messages, drafts or events, newest first'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "batch" -d 'Make, fill and send one mail for each row of a table'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "send" -d 'Send a draft'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "ls" -d 'List the attachments of a message or an event'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "detach" -d 'Remove attachments from a message or an event'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "auth" -d 'Say who you are to the service, sign in, sign out'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "sandbox" -d 'Run a stand-in for the service on this computer'
complete -c graph-attach -n "__fish_graph_attach_needs_command" -f -a "completions" -d 'Print a completion script'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l files-from -d 'Read more paths from this file, one a line; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l name -d 'Name of the attachment [default: the file\'s name]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l content-type -d 'MIME type of the attachment [default: guessed from the name]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l content-id -d 'The CID of an inline attachment [default: its name]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l chunk-size -d 'Bytes per request of an upload session, at most 4MiB' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l message -d 'Id of the message [env: GRAPH_ATTACH_MESSAGE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l event -d 'Id of the event [env: GRAPH_ATTACH_EVENT]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l mailbox -d 'Whose mailbox: user principal name or id [default: the token\'s own] [env: GRAPH_ATTACH_MAILBOX]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l reply -d 'Reply to the sender of this message' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l reply-all -d 'Reply to everybody of this message' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l forward -d 'Forward this message' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l once -d 'At most one mail with this key in the mailbox, whichever computer makes it' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l to -d 'To whom; repeat it, or separate addresses by commas' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l cc -d 'Who gets a copy' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l bcc -d 'Who gets a copy that the others do not see' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l subject -d 'The subject' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l body -d 'The text' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l body-file -d 'Read the text from this file; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l json-file -d 'Start from a message in Graph\'s own JSON; the other options win over it. `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l wait -d 'Wait for another process that works on the same item, up to TIME' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -s 0 -l null -d 'The paths of --files-from end with NUL instead of a line break'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l stdin-from-command -d 'Run the command behind `--` and attach what it writes, if it exits with 0'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l inline -d 'Show it inside the HTML body, where that refers to `cid:CID`'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l verify -d 'Read the attachment back and compare it'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l again -d 'Attach a second copy although the same content is already attached'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l fresh -d 'Ignore a saved session for this file and start over'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l fail-fast -d 'Stop at the first file that fails'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l send -d 'Send the message once every file is attached (and verified, with --verify)'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -s n -l dry-run -d 'Say what would be done with each file, and why not; uses no network'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l new -d 'Make a draft first, instead of --message'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l html -d 'The text is HTML'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l require-state -d 'Fail when the session cannot be saved, rather than upload without being able to resume'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand attach" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l wait -d 'Wait for another process that works on the same item, up to TIME' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l all -d 'Every interrupted upload'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l verify -d 'Read the attachments back and compare them'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l require-state -d 'Fail when the session cannot be saved, rather than upload without being able to resume'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand resume" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l all -d 'Every unfinished session'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand cancel" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l all -d 'Also what is finished'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand status" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l discard-unfinished -d 'Throw away what came through pipes and is not attached, too; asks first'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -s y -l yes -d 'Do not ask'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand prune" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l mailbox -d 'Whose mailbox: user principal name or id [default: the token\'s own] [env: GRAPH_ATTACH_MAILBOX]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l reply -d 'Reply to the sender of this message' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l reply-all -d 'Reply to everybody of this message' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l forward -d 'Forward this message' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l once -d 'At most one mail with this key in the mailbox, whichever computer makes it' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l to -d 'To whom; repeat it, or separate addresses by commas' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l cc -d 'Who gets a copy' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l bcc -d 'Who gets a copy that the others do not see' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l subject -d 'The subject' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l body -d 'The text' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l body-file -d 'Read the text from this file; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l json-file -d 'Start from a message in Graph\'s own JSON; the other options win over it. `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l immutable-id -d 'Print an id that stays the same when the draft is moved or sent'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l html -d 'The text is HTML'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand draft" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l subject -d 'Only those whose subject holds this text' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l limit -d 'How many at most' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l mailbox -d 'Whose mailbox: user principal name or id [default: the token\'s own] [env: GRAPH_ATTACH_MAILBOX]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand find" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l format -d 'How the table is written [default: JSON Lines if it begins with a brace, else CSV]' -r -f -a "csv\t'A table with a header'
jsonl\t'One JSON object on each line'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l show -d 'Show the mail of this row; uses no network' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l only -d 'Only these rows, such as `3,7-9`' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l retry-failed -d 'Only the rows that this report of an earlier run says are not done' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l test-to -d 'The first three mails to this address instead, under a run of their own' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l shard -d 'Only the mailboxes of this part of all, counted from 0, such as `0/16`' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l report -d 'Write what became of each row to this table' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l jobs -d 'Rows side by side' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l send-rate -d 'Mails a minute and mailbox; 0 is no limit' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l run -d 'Name of the run: a row is done once in each [default: the table\'s file name]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l key -d 'By what a row is known in its run [default: the column `key`, else mailbox, people, subject and file names]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l to -d 'To whom' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l cc -d 'Who gets a copy' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l bcc -d 'Who gets a copy that the others do not see' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l subject -d 'The subject' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l body -d 'The text' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l body-file -d 'Read the text from this file, and put columns into it too' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l file -d 'A file to attach; repeat it for more' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l message -d 'Attach to this message instead of a new mail' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l event -d 'Attach to this event instead of a new mail' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l mailbox -d 'Whose mailbox: user principal name or id [default: the token\'s own] [env: GRAPH_ATTACH_MAILBOX]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l wait -d 'Wait for another process that works on the same item, up to TIME' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l send -d 'Send each mail once its files are attached (and verified, with --verify)'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l verify -d 'Read each attachment back and compare it'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -s n -l dry-run -d 'Show every row as it would be done, and every problem; uses no network'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l skip-bad -d 'Continue without the rows that have a problem'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l fail-fast -d 'Stop at the first row that fails'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -s y -l yes -d 'Do not ask'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l same-file -d 'One file for several rows is meant'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l html -d 'The text is HTML: what columns bring is escaped'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l inline -d 'Show the files inside the HTML body, where that refers to `cid:NAME`'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l require-state -d 'Fail when the session cannot be saved, rather than upload without being able to resume'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand batch" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l mailbox -d 'Whose mailbox: user principal name or id [default: the token\'s own] [env: GRAPH_ATTACH_MAILBOX]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -s y -l yes -d 'Do not ask'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l even-if-unfinished -d 'Send although an upload to it is unfinished, or may be'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand send" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l message -d 'Id of the message [env: GRAPH_ATTACH_MESSAGE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l event -d 'Id of the event [env: GRAPH_ATTACH_EVENT]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l mailbox -d 'Whose mailbox: user principal name or id [default: the token\'s own] [env: GRAPH_ATTACH_MAILBOX]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand ls" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l message -d 'Id of the message [env: GRAPH_ATTACH_MESSAGE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l event -d 'Id of the event [env: GRAPH_ATTACH_EVENT]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l mailbox -d 'Whose mailbox: user principal name or id [default: the token\'s own] [env: GRAPH_ATTACH_MAILBOX]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l max-retries -d 'Failures in a row that are followed by another try [default: 10]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l timeout -d 'Give a request up when no byte moved for this long: seconds, or 90s, 5m, 1h [default: 60s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l deadline -d 'Give the command up after this long' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand detach" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -f -a "status" -d 'Say which credentials are in use: source, account or app, tenant, permissions, expiry'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -f -a "login" -d 'Sign in as a person: in a browser here, or by a code to enter on another device'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and not __fish_seen_subcommand_from status login logout" -f -a "logout" -d 'Forget the saved login'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l check -d 'Ask the service whether it takes the token'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l client-id -d 'Application (client) id of your app registration' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l tenant -d 'Tenant: its id or a domain of it' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l login-url -d 'Login host, where it is not the cloud\'s own' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l scopes -d 'What the login is to be good for: mail, events, send, shared, or Graph\'s own names' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l browser -d 'Sign in in a browser on this computer, even where none seems to be there: a link is printed'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l device-code -d 'Sign in by a code to enter in a browser on any device'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l save -d 'Remember app, tenant and login host in the configuration file'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l no-keyring -d 'Keep the login in a file of the state directory, even where the system has a keyring'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from login" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l all -d 'Forget the logins of all profiles'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand auth; and __fish_seen_subcommand_from logout" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l port -d 'Port of the Graph host [default: any free one]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l upload-port -d 'Port of the upload host [default: any free one]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l host -d 'Address to listen on; others than loopback can be reached by others' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l allow-host -d 'Host name, besides those of loopback, to which control requests answer' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l env-file -d 'Write the variables into a file once both hosts listen; it is removed at the end' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l token -d 'The bearer token [default: one that looks like the service\'s]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l token-ttl -d 'How long tokens live, in seconds (assumed: about an hour, in life)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l scopes -d 'Permissions of the token, separated by blanks [default: all that are needed here]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l seed -d 'Make ids, tokens, delays and chance the same every time' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l fault -d 'What goes wrong, and when: WHERE@N[xCOUNT]=WHAT[:ARG], such as put@3=reset:1000000' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l fault-rate -d 'How often a request is struck by a fault that is drawn, from 0 to 1' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l latency -d 'Wait before every answer, in milliseconds' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l bandwidth -d 'Bytes a second in each direction, such as 2MB [default: as fast as it goes]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l idle-timeout -d 'How long no byte may move before a connection is closed, in seconds' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l gzip -d 'Compress answers in JSON: never, for clients that take it, or always' -r -f -a "off\t''
accepted\t''
always\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l content -d 'Where the content of attachments is kept; of `hash` only size and SHA-256' -r -f -a "file\t''
memory\t''
hash\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l upload-auth -d 'What the upload host makes of an Authorization header' -r -f -a "refuse\t''
own\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l max-range -d 'Largest range that is taken [default: any; documented: less than 4 MB]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l casing -d 'Letter case of the keys in answers to ranges [default: camel; pascal for china]' -r -f -a "camel\t''
pascal\t''
doc\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l ranges -d 'How answers to ranges write the next one: "N", "N-", "N-M", [] or not at all' -r -f -a "start\t''
open\t''
closed\t''
empty\t''
missing\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l status -d 'Answer to GET on an upload URL (assumed)' -r -f -a "200\t''
401\t''
404\t''
405\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l wrong-range -d 'Answer to a range that begins elsewhere (assumed)' -r -f -a "416\t''
400\t''
409\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l session-min -d 'Smallest file that gets an upload session (documented: 3 MB; measured in 2020: 2097152)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l session-ttl -d 'How long a session lives, in seconds (assumed)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l expired -d 'Answer of the upload host once a session\'s time is over (assumed)' -r -f -a "404\t''
401\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l repeat-last -d 'What becomes of the last range when it comes again (assumed)' -r -f -a "refuse\t''
attach\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l attachment-limit -d 'Largest file that gets an upload session (documented: 150 MB)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l message-limit -d 'Largest sum of an item\'s attachments [default: none; a new tenant has 35MiB]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l max-attachments -d 'Most attachments of one item' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l body-limit -d 'Largest request body on the Graph host (measured: 4 MiB)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l too-large -d 'Answer to a larger body' -r -f -a "413\t''
400\t''
500\t''
reset\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l upload-url -d 'Form of the upload URL' -r -f -a "gv1\t''
v2\t''
office365\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l location -d 'Form of Location when a session is finished' -r -f -a "quoted\t''
path\t''
missing\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l settle -d 'How long a new item answers 404 wherever attachments are concerned, in milliseconds' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l list-lag -d 'How long lists do not know of a new attachment, and still know of a removed one: MS or MS-MS (assumed)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l message-lag -d 'How long lists of messages and events do not know of a new, moved or sent one: MS or MS-MS (assumed)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l late-commit -d 'How long after its answer an attaching request takes effect: MS or MS-MS (assumed)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l value-lag -d 'How long a new attachment cannot be read back: MS or MS-MS (assumed)' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l early-value -d 'Answer to reading back during that time' -r -f -a "404\t''
empty\t''
half\t''
504\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l rename -d 'What becomes of the names of attachments (assumed)' -r -f -a "none\t''
nfc\t''
nfd\t''
trim\t''
replace\t''
lower\t''
upper\t''
suffix\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l reply-properties -d 'Extended properties in the message of createReply and the like (assumed)' -r -f -a "drop\t''
keep\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l throttle-bytes -d 'Upload volume of a mailbox within the window [default: no limit; documented: 150MB]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l throttle-window -d 'The window of --throttle-bytes, in seconds' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l refused-bytes -d 'Whether the bytes of refused requests count in that window' -r -f -a "count\t''
free\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l requests -d 'Requests of a mailbox within ten minutes; 0 for no limit' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l send-rate -d 'Messages that a mailbox sends within a minute [default: no limit; documented: 30, for SMTP]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l concurrency -d 'Requests of a mailbox at a time; 0 for no limit' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l retry-after -d 'Retry-After when a limit is hit, in seconds; `none` leaves it out' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l audience -d 'Form of the upload host\'s 401' -r -f -a "resource\t''
claim\t''
empty\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l service -d 'Which cloud to play' -r -f -a "public\t''
us-gov\t''
china\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l other-mailboxes -d 'What is allowed in mailboxes other than one\'s own' -r -f -a "allow\t''
no-sessions\t''
deny\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l reported-size -d 'Size that is reported for attachments' -r -f -a "inflated\t''
exact\t''
zero\t''
smaller\t''
rounded\t''"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l tls -d 'Serve https, with a certificate made at start and named by SSL_CERT_FILE'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l audience-incident -d 'Answer every PUT with 401, as for days in December 2023'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand sandbox" -s V -l version -d 'Print version'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l cloud -d 'Which Microsoft cloud: public, gcc-high, dod or china [env: GRAPH_ATTACH_CLOUD]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l endpoint -d 'Base URL of Graph, with version [env: GRAPH_ATTACH_ENDPOINT]' -r -f
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l profile -d 'Profile of the configuration file [env: GRAPH_ATTACH_PROFILE]' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l config -d 'Configuration file [env: GRAPH_ATTACH_CONFIG]' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l token-file -d 'Read the token from a file, anew every time; `-` is standard input' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l token-command -d 'Run a command that prints a token' -r
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l ca-file -d 'Trust the certificates in this PEM file too' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l state-dir -d 'Where upload sessions are kept [env: GRAPH_ATTACH_STATE_DIR]' -r -f -a "(__fish_complete_directories)"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l log-file -d 'Append every request to a file, as JSON Lines' -r -F
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l color -d 'Colors in messages [default: auto]' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l progress -d 'How progress is shown [env: GRAPH_ATTACH_PROGRESS]' -r -f -a "auto\t'A bar on a terminal, lines otherwise'
bar\t'A bar'
plain\t'Lines'
json\t'One JSON object a line, on standard error'
none\t'Nothing'"
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -l json -d 'Print results as JSON Lines'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -s q -l quiet -d 'Print results and errors only'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -s v -l verbose -d 'Say what was decided and why; twice: every request too'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c graph-attach -n "__fish_graph_attach_using_subcommand completions" -s V -l version -d 'Print version'

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
