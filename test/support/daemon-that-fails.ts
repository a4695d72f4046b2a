// A daemon that cannot start, and says why as the real one does.

process.stderr.write('some line before\n');
process.stderr.write('signet: the daemon could not start: no zstd here (E_RUNTIME)\n');
process.exitCode = 18;
