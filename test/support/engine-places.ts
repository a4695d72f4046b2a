// Places for an engine under test that lie in no cloud.

import type { Grants } from '../../daemon/jobs/connect.ts';
import type { Place } from '../../daemon/jobs/engine-places.ts';
import type { Remote } from '../../daemon/remotes/remote.ts';

export const noGrants: Grants = {
  ask: async () => {
    throw new Error('nobody is asked to sign in here');
  },
  end: async () => false,
};

/** A place that is there, and as good as made for whatever is asked of it. */
export function placeOver(remote: Remote): Place {
  const nothing = async (): Promise<void> => undefined;
  return {
    open: async () => remote,
    check: nothing,
    isMissing: async () => false,
    prepare: nothing,
    checkDeletable: nothing,
    removeEmpty: nothing,
  };
}
