import type { WireError } from '../protocol/errors.ts';

export function explain({ code }: WireError): string {
  return code;
}
