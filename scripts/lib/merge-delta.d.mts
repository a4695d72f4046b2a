// Types of the independent decoder, which is plain JavaScript so that it runs on any Node and shares nothing with Signet.

/** @throws Error that says what of the log is wrong, and at which byte */
export function mergeDelta(base: Buffer, log: Buffer): Buffer;
