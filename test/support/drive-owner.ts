// The owner of an account of the fake Drive, who agrees to what a daemon asks for.

import type { DaemonClient } from './daemon-client.ts';
import type { DriveFake } from './drive-fake/drive-fake.ts';

/** Opens the page in a browser of this computer, and agrees. */
export async function signIn(client: DaemonClient, google: DriveFake, remote: string): Promise<void> {
  const secret = Buffer.from(google.client.secret);
  const visits: Promise<unknown>[] = [];
  await client.connectRemote({ remote, clientId: google.client.id }, [['clientSecret', secret]], url => {
    visits.push(fetch(url).then(page => page.text()));
  });
  await Promise.all(visits);
}
