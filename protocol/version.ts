// Versions that both peers compare at connect. The protocol number rises with a change that an old peer cannot ignore.

export const protocolVersion = 1;
export const productVersion = '0.1.0';
