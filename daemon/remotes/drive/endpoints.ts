// Where Google answers. Tests, and nothing else, move all of it to a server on this very computer: an address beyond loopback is
// refused, because whoever sets one would be handed the grant.

import { SignetError } from '../../base/errors.ts';

export interface GoogleEndpoints {
  /** `rootUrl` for `drive({version: 'v3'})` and for each of its calls with media; ends with a slash. */
  readonly apiRoot: string;
  /** What resumable uploads are asked of: `<uploadRoot>drive/v3/files`; ends with a slash. */
  readonly uploadRoot: string;
  /** The page where the owner agrees (RFC 6749 §3.1). */
  readonly authorize: string;
  /** RFC 6749 §3.2. */
  readonly token: string;
  /** RFC 7009. */
  readonly revoke: string;
  /** RFC 8628 §3.1. */
  readonly deviceCode: string;
}

const google: GoogleEndpoints = {
  apiRoot: 'https://www.googleapis.com/',
  uploadRoot: 'https://www.googleapis.com/upload/',
  authorize: 'https://accounts.google.com/o/oauth2/v2/auth',
  token: 'https://oauth2.googleapis.com/token',
  revoke: 'https://oauth2.googleapis.com/revoke',
  deviceCode: 'https://oauth2.googleapis.com/device/code',
};

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * @param root what SIGNET_GOOGLE_ROOT says, such as `http://127.0.0.1:8080/`; undefined or empty: Google itself
 * @throws SignetError E_USAGE for anything but the root of a server on this computer
 */
export function googleEndpoints(root: string | undefined): GoogleEndpoints {
  if (root === undefined || root === '') return google;
  const url = URL.canParse(root) ? new URL(root) : undefined;
  const isRoot =
    url !== undefined && /^https?:$/.test(url.protocol) && loopback.test(url.hostname) && url.href === `${url.origin}/`; // no path, no query, no credentials
  if (!isRoot) {
    throw new SignetError('E_USAGE', 'SIGNET_GOOGLE_ROOT is for tests: it names a server on this computer only');
  }
  const below = (path: string): string => `${url.origin}/${path}`;
  return {
    apiRoot: below(''),
    uploadRoot: below('upload/'),
    authorize: below('o/oauth2/v2/auth'),
    token: below('token'),
    revoke: below('revoke'),
    deviceCode: below('device/code'),
  };
}
