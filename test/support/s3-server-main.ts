// The S3 server for tests as a process of its own: prints where it is and its keys as one line of JSON, and ends when its input closes.

import { startS3Server } from './s3-server.ts';

const server = await startS3Server(JSON.parse(process.argv[2] ?? '{}'));
const { endpoint, bucket, region, accessKeyId, secretAccessKey } = server;
process.stdout.write(`${JSON.stringify({ endpoint, bucket, region, accessKeyId, secretAccessKey })}\n`);

async function end(): Promise<void> {
  await server.close();
  process.exit(0);
}
process.stdin.on('close', end).on('error', end).resume();
process.on('SIGTERM', end);
