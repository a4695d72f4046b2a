// A server that cannot prove who it is gets no token and no key, also where the environment tells Node to look away, as developers' machines
// often do for another program's sake.

import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../daemon/base/clock.ts';
import { googleEndpoints } from '../../daemon/remotes/drive/endpoints.ts';
import { askOAuth, oauthWire } from '../../daemon/remotes/drive/oauth.ts';
import { createTransport } from '../../daemon/remotes/drive/transport.ts';
import { createS3Remote } from '../../daemon/remotes/s3/s3.ts';

process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'; // of this file's own thread

/** Nobody vouches for it; used nowhere else. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEGpK3+8E38GYNZ03
ZJ/kovJSjEHRPQrHu7x+f/PnKAGhRANCAARSwPPy+iBylVx1Bm1R0IiEhen10EDN
M4NhL0YEkUWL4JL+A8yU0APJj/KKy248xJTBR9ETFktFanb5mWNvf1q2
-----END PRIVATE KEY-----`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBkTCCATagAwIBAgIUXy25jDfQ3VexigpuE1ZSx10J4U4wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMzE3MDI0OFoYDzIxMjYxMDMw
MTcwMjQ4WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARSwPPy+iBylVx1Bm1R0IiEhen10EDNM4NhL0YEkUWL4JL+A8yU0APJ
j/KKy248xJTBR9ETFktFanb5mWNvf1q2o2QwYjAdBgNVHQ4EFgQUlnaavBtCRmD+
c1KvT98Ry2Bj+bwwHwYDVR0jBBgwFoAUlnaavBtCRmD+c1KvT98Ry2Bj+bwwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0kAMEYC
IQD5wugtwy8ZiTzu4m43zkln343Igws9XMt/ESKBuaqXBwIhAODbW8yw7qOkyH6n
Y9eohdDcOnWlMUiVO2irX2UnM/NA
-----END CERTIFICATE-----`;

/** Counts what it is asked. */
async function impostor(t: ExecutionContext) {
  const asked: string[] = [];
  const server = createServer({ key, cert }, (request, answer) => {
    asked.push(`${request.method} ${request.url}`);
    answer.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, root: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('a refresh token is not sent to it', async t => {
  const { asked, root } = await impostor(t);
  const wire = oauthWire({ clock: systemClock, place: 'Google Drive' });
  const { token } = googleEndpoints(`${root}/`);
  await t.throwsAsync(askOAuth(wire, token, { refresh_token: 'secret' }), { code: 'E_UNREACHABLE' });
  t.deepEqual(asked, []);
});

test('an access token is not sent to it', async t => {
  const { asked, root } = await impostor(t);
  const transport = createTransport({
    tokens: { accessToken: async () => 'secret', refused: () => undefined },
    roots: [root],
    clock: systemClock,
    userAgent: 'signet/test',
  });
  await t.throwsAsync(transport.send({ what: 'x', method: 'GET', url: `${root}/x` }), { code: 'E_UNREACHABLE' });
  t.deepEqual(asked, []);
});

test('nothing is sent to it that was signed for a bucket', async t => {
  const { asked, root } = await impostor(t);
  const remote = createS3Remote({
    place: { endpoint: root, bucket: 'chats', prefix: '' },
    connection: {
      v: 1,
      kind: 's3',
      region: null,
      pathStyle: true,
      keys: { accessKeyId: 'id', secretAccessKey: 'secret' },
    },
    clock: systemClock,
    randomBytes: length => new Uint8Array(length),
  });
  await t.throwsAsync(remote.stat('config'), { code: 'E_REMOTE_DENIED' });
  t.deepEqual(asked, []);
});
