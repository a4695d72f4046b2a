// Where a file of a backup lies on this computer, if it does. Names in a backup are not trusted: what the computer's paths would read otherwise
// leads nowhere.

/**
 * @param path within the source, as the protocol has it
 * @returns names below the source's folder, or undefined where a name cannot be one here
 */
export function liveNames(path: string, platform: NodeJS.Platform): readonly string[] | undefined {
  const names = path.split('/');
  const isPlain = (name: string) =>
    name !== '' &&
    name !== '.' &&
    name !== '..' &&
    !name.includes('\\') &&
    (platform !== 'win32' || !/[<>:"|?*]|[. ]$/.test(name));
  return names.every(isPlain) ? names : undefined;
}
