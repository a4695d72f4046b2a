import test from 'ava';
import {
  addressOf,
  isOfBackups,
  listScheme,
  nameOf,
  placeOf,
  segmentOf,
  snapshotOf,
} from '../../extension/snapshots/address.ts';

const snapshot = 'a1b2c3d4'.repeat(8);
const sources = [
  { id: 'whatsapp-android-abcd2345', label: 'WhatsApp' },
  { id: 'generic-aaaa2222', label: 'Chats' },
  { id: 'generic-bbbb3333', label: 'Chats' },
  { id: 'generic-cccc4444', label: '../.. of C:\\' },
  { id: 'generic-dddd5555', label: 'generic-aaaa2222' },
  { id: 'generic-eeee6666', label: '50% off' },
  { id: 'generic-ffff7777', label: '' },
  { id: 'generic-gggg2222', label: '..' },
];

test('an address names the source as a person does, and by its id where that would not be clear', t => {
  const address = addressOf(snapshot, sources, 'whatsapp-android-abcd2345', 'Media/holiday.jpg');
  t.deepEqual(address, { authority: snapshot, path: '/WhatsApp/Media/holiday.jpg' });
  t.is(segmentOf(sources, 'generic-aaaa2222'), 'generic-aaaa2222');
  t.is(segmentOf(sources, 'generic-dddd5555'), 'generic-dddd5555', 'a label that is another one’s id');
  t.is(segmentOf(sources, 'generic-cccc4444'), 'generic-cccc4444');
  t.is(segmentOf(sources, 'generic-gggg2222'), 'generic-gggg2222');
  t.is(new Set(sources.map(({ id }) => segmentOf(sources, id))).size, sources.length);
});

const names = [
  'note.txt',
  'a b#c?d&e=f.txt',
  '100%.txt',
  '%5C and %25',
  'back\\\\slash',
  'odd\\xff\\x0a',
  'ünï 👩‍👩‍👧',
  'C:',
  '...',
];

for (const name of names) {
  test(`the file ${name} is found again by its address`, t => {
    for (const { id } of sources) {
      for (const path of [name, `${name}/${name}`, '']) {
        const address = addressOf(snapshot, sources, id, path);
        t.notRegex(address.path, /\\/);
        t.deepEqual(placeOf(address, sources), { snapshot, path: path === '' ? id : `${id}/${path}` });
      }
    }
    t.is(nameOf(`generic-aaaa2222/folder/${name}`), name);
  });
}

test('the root is all sources, and what is no source of the snapshot keeps its name', t => {
  t.deepEqual(placeOf({ authority: snapshot, path: '/' }, sources), { snapshot, path: '' });
  t.deepEqual(placeOf({ authority: snapshot, path: '/home/k%5Cx' }, []), { snapshot, path: 'home/k\\x' });
  t.deepEqual(
    placeOf({ authority: snapshot, path: '/whatsapp-android-abcd2345/x' }, sources)?.path,
    'whatsapp-android-abcd2345/x',
  );
});

test('locking hides what has an address in a backup, and pages that list its names, and nothing else', t => {
  for (const hidden of ['signet-snapshot', `${listScheme}-2f1c`]) t.true(isOfBackups(hidden), hidden);
  for (const other of ['file', 'untitled', 'signet-live', 'signet-snapshots']) t.false(isOfBackups(other), other);
});

test('only whole ids are snapshots', t => {
  t.is(snapshotOf({ authority: snapshot }), snapshot);
  for (const authority of ['', 'latest', snapshot.slice(1), snapshot.toUpperCase(), `${snapshot}0`])
    t.is(snapshotOf({ authority }), undefined);
});
