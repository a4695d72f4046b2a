// Where a file of a backup lies on this computer, if it does. Names in a backup are not trusted: what the computer's paths would read otherwise
// leads nowhere.

/** Signs that mean something else there, what is cut off at the end of a name, and the names of devices, whatever their ending. */
const notOnWindows = /[<>:"|?*]|[. ]$|^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)/i;

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
    (platform !== 'win32' || !notOnWindows.test(name));
  return names.every(isPlain) ? names : undefined;
}
