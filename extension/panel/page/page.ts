// The page of the Status panel: shows the model that the editor sends and tells it what a person asks for. It keeps nothing but where it was
// scrolled to and which alarm it has said.

import type { FromPage, Intent, StateModel, ToPage } from '../panel-model.ts';
import { intentOf, update } from './elements.ts';
import { view } from './view.ts';

interface Kept {
  readonly scrolled?: number;
  readonly alarm?: string;
}

declare function acquireVsCodeApi(): {
  postMessage(message: FromPage): void;
  getState(): Kept | undefined;
  setState(state: Kept): void;
};

const editor = acquireVsCodeApi();
const main = document.querySelector('main');
const alert = document.querySelector('[role="alert"]');
const status = document.querySelector('[role="status"]');

if (main !== null && alert !== null && status !== null) start(main, alert, status);

function start(main: HTMLElement, alert: Element, status: Element): void {
  let isFirst = true;
  let ending: string | undefined;

  const keep = (change: Kept) => editor.setState({ ...editor.getState(), ...change });
  const ask = (intent: Intent) => editor.postMessage({ kind: 'intent', intent });

  const speak = ({ alarm, spoken, spokenWhenDone, progress }: StateModel) => {
    const told = alarm === undefined ? '' : alarm.spoken;
    if (alarm === undefined || alarm.id !== editor.getState()?.alarm) say(alert, told);
    keep({ alarm: alarm?.id ?? '' });
    say(status, spoken !== '' ? spoken : (ending ?? status.textContent ?? ''));
    ending = progress === undefined ? undefined : spokenWhenDone;
  };

  addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
    const { model } = data;
    const focused = document.activeElement;
    document.documentElement.lang = model.language;
    document.documentElement.dir = model.direction;
    update(main, view(model));
    if (focused !== null && focused !== document.body && !focused.isConnected) {
      main.querySelector<HTMLElement>('h1')?.focus();
    }
    speak(model.state);
    if (isFirst) scrollTo(0, editor.getState()?.scrolled ?? 0);
    isFirst = false;
  });

  document.addEventListener('click', ({ target }) => {
    const clicked = target instanceof Element ? target.closest('button') : null;
    const intent = clicked === null ? undefined : intentOf(clicked);
    if (intent === 'reveal') reveal();
    else if (intent !== undefined) ask(intent);
  });
  document.addEventListener('change', ({ target }) => {
    const intent = target instanceof HTMLInputElement ? intentOf(target) : undefined;
    if (intent !== undefined && intent !== 'reveal') ask(intent);
  });
  addEventListener('scroll', () => keep({ scrolled: scrollY }), { passive: true });

  editor.postMessage({ kind: 'ready' });
}

/** The same text twice would be said twice. */
function say(region: Element, text: string): void {
  if (region.textContent !== text) region.textContent = text;
}

function reveal(): void {
  const files = document.querySelector<HTMLDetailsElement>('#files');
  if (files === null) return;
  files.open = true;
  files.querySelector('summary')?.focus();
}
