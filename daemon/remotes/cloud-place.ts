// What holds for every place in a cloud where an adapter says nothing else: nothing there is made before the first object, or taken away
// after the last one.

export const cloudPlace = {
  check: async (): Promise<void> => undefined,
  isMissing: async (): Promise<boolean> => false,
  prepare: async (): Promise<void> => undefined,
  checkDeletable: async (): Promise<void> => undefined,
  removeEmpty: async (): Promise<void> => undefined,
};
