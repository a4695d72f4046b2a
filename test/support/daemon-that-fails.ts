// A daemon that cannot start, and says why as the real one does.

process.stderr.write('some line before\n');
process.stderr.write(
  `${JSON.stringify({ error: { code: 'E_RUNTIME', params: { detail: 'no zstd here' }, retryable: false } })}\n`,
);
process.exitCode = 18;
