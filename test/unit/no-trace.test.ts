import test from 'ava';
import type { LogOutputChannel } from 'vscode';
import { withoutTrace } from '../../extension/no-trace.ts';

test('what the line carries is never written to the log, whatever its level is or becomes', t => {
  const written: string[] = [];
  const log = {
    logLevel: 1,
    onDidChangeLogLevel: () => t.fail('nobody is to hear that the level changes'),
    trace: (text: string) => written.push(text),
    warn: (text: string) => written.push(text),
  } as unknown as LogOutputChannel;
  const silent = withoutTrace(log);
  silent.trace('{"base64":"aGVsbG8="}');
  silent.onDidChangeLogLevel(() => t.fail('the level of this one stays')).dispose();
  t.is(silent.logLevel, 0);
  silent.warn('the rest goes through');
  t.deepEqual(written, ['the rest goes through']);
});
