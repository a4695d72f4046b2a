// Completion for shells: a script that knows all commands and options by itself, made from the very commands that run, so that the two
// cannot differ. A shell that completes starts nothing of Signet.

import type { Command, Option } from 'commander';

type Shell = 'bash' | 'zsh' | 'fish';

interface Word {
  readonly word: string;
  readonly description: string;
}

interface Choice extends Word {
  /** What may follow: one of the words, a folder, or `undefined` for nothing. `[]` is text of the user's own. */
  readonly value: readonly string[] | 'folder' | undefined;
  /** Without its dashes, as fish wants it. */
  readonly isShort: boolean;
}

/** One command with what may stand behind it. */
interface Place {
  /** ` daemon start`, with a blank before each word; empty at the top. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly arguments: readonly string[];
  readonly options: readonly Choice[];
}

export function completion(shell: string, program: Command): void {
  process.stdout.write(completionScript(shell as Shell, program));
}

export function completionScript(shell: Shell, program: Command): string {
  const places = placesOf(program, '');
  const make = { bash, zsh, fish }[shell];
  return `${make(places).join('\n')}\n`;
}

function placesOf(command: Command, path: string): Place[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const here: Place = {
    path,
    commands: commands.map(each => ({ word: each.name(), description: each.description() })),
    arguments: command.registeredArguments.flatMap(each => each.argChoices ?? []),
    options: help.visibleOptions(command).flatMap(choicesOf),
  };
  return [here, ...command.commands.flatMap(each => placesOf(each, `${path} ${each.name()}`))];
}

function choicesOf(option: Option): Choice[] {
  const { description, argChoices } = option;
  const takesValue = option.required || option.optional;
  const value = !takesValue ? undefined : (argChoices ?? (/<(?:dir|folder)>/.test(option.flags) ? 'folder' : []));
  return [option.short, option.long].flatMap(word =>
    word === undefined ? [] : [{ word, description, value, isShort: word === option.short }],
  );
}

/** Words behind which other commands stand: ` daemon` and those that only have options, too. */
const below = (places: readonly Place[]): readonly string[] =>
  places.map(({ path }) => path).filter(path => path !== '');

const wordsAt = ({ commands, arguments: words, options }: Place): string[] => [
  ...commands.map(({ word }) => word),
  ...words,
  ...options.map(({ word }) => word),
];

/** One `case` for each option that takes a value: how it is completed. */
function valueCases(places: readonly Place[], folders: string, words: (of: readonly string[]) => string): string[] {
  return places.flatMap(({ path, options }) =>
    options.flatMap(({ word, value }) =>
      value === undefined ? [] : [`    "${path} ${word}") ${value === 'folder' ? folders : words(value)}; return ;;`],
    ),
  );
}

/** Works from bash 3.2 on, without the package bash-completion. */
function bash(places: readonly Place[]): string[] {
  return [
    '# Completion of signet for bash. In ~/.bashrc: source <(signet completion bash)',
    '_signet() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" place="" known="" i',
    "  local IFS=$' \\t\\n'",
    '  COMPREPLY=()',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    case "$place ${COMP_WORDS[i]}" in',
    `      ${below(places)
      .map(path => `"${path}"`)
      .join('|')}) place="$place \${COMP_WORDS[i]}" ;;`,
    '    esac',
    '  done',
    '  case "$place $previous" in',
    ...valueCases(
      places,
      `IFS=$'\\n'; compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current"))`,
      words => `COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$current"))`,
    ),
    '  esac',
    '  case "$place" in',
    ...places.map(place => `    "${place.path}") known="${wordsAt(place).join(' ')}" ;;`),
    '  esac',
    '  COMPREPLY=($(compgen -W "$known" -- "$current"))',
    '}',
    'complete -F _signet signet',
  ];
}

function zsh(places: readonly Place[]): string[] {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const described = ({ word, description }: Word) => quoted(`${word}:${description.replaceAll(':', '\\:')}`);
  return [
    '#compdef signet',
    '# Completion of signet for zsh. In ~/.zshrc, after compinit: source <(signet completion zsh)',
    '_signet() {',
    '  local place="" i',
    '  local -a known',
    '  for ((i = 2; i < CURRENT; i++)); do',
    '    case "$place ${words[i]}" in',
    `      ${below(places)
      .map(path => `"${path}"`)
      .join('|')}) place="$place \${words[i]}" ;;`,
    '    esac',
    '  done',
    '  case "$place ${words[CURRENT-1]}" in',
    ...valueCases(places, '_files -/', words =>
      words.length === 0 ? '_message value' : `compadd -- ${words.join(' ')}`,
    ),
    '  esac',
    '  case "$place" in',
    ...places.map(({ path, commands, arguments: words, options }) => {
      const all = [...commands.map(described), ...words.map(quoted), ...options.map(described)];
      return `    "${path}") known=(${all.join(' ')}) ;;`;
    }),
    '  esac',
    "  _describe 'signet' known",
    '}',
    'if [ "$funcstack[1]" = "_signet" ]; then _signet "$@"; else compdef _signet signet; fi',
  ];
}

function fish(places: readonly Place[]): string[] {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const at = (path: string) => `complete -c signet -n ${quoted(`test (__signet_place) = "${path}"`)}`;
  const value = (choice: Choice['value']): string => {
    if (choice === undefined) return '';
    if (choice === 'folder') return " -x -a '(__fish_complete_directories)'";
    return choice.length === 0 ? ' -x' : ` -x -a ${quoted(choice.join(' '))}`;
  };
  return [
    '# Completion of signet for fish: signet completion fish > ~/.config/fish/completions/signet.fish',
    'function __signet_place',
    '  set -l place ""',
    '  for word in (commandline -opc)[2..-1]',
    '    switch "$place $word"',
    `      case ${below(places).map(quoted).join(' ')}`,
    '        set place "$place $word"',
    '    end',
    '  end',
    '  echo "$place"',
    'end',
    'complete -c signet -f',
    ...places.flatMap(({ path, commands, arguments: words, options }) => [
      ...commands.map(({ word, description }) => `${at(path)} -a ${word} -d ${quoted(description)}`),
      ...(words.length === 0 ? [] : [`${at(path)} -a ${quoted(words.join(' '))}`]),
      ...options.map(
        ({ word, description, value: choice, isShort }) =>
          `${at(path)} ${isShort ? '-s' : '-l'} ${word.replace(/^-+/, '')}${value(choice)} -d ${quoted(description)}`,
      ),
    ]),
  ];
}
