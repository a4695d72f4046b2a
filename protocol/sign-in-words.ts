// What a person reads on the way into Google Drive: the page on which the browser ends, and the steps to a client id of one's own. The
// command line and the extension share the steps; the page is sent by the background part.

import { type Locale, say } from './formats.ts';

/** Why there are steps at all. */
export function ownClientWhy(locale: Locale = {}): string {
  return say(
    locale,
    'Google Drive asks for a client id of your own: the name under which Google knows your Signet. It is free, takes some ten minutes, and is done once. Nobody else uses it or can take it away from you, and with it Signet sees only the files it made.',
  );
}

/**
 * Each step with the page where it is done; signed in there with any Google account. Which kind of client fits depends on the way to sign
 * in: the redirect of the one goes to this computer, the other is a code typed anywhere. Google names them in the language of its pages.
 */
export function ownClientSteps(
  flow: 'browser' | 'device',
  locale: Locale = {},
): readonly { readonly page: string; readonly text: string }[] {
  return [
    {
      page: 'https://console.cloud.google.com/projectcreate',
      text: say(
        locale,
        'Create a project; any name will do, such as Signet. Wait until it is made, and see that it is the one chosen at the top.',
      ),
    },
    {
      page: 'https://console.cloud.google.com/apis/library/drive.googleapis.com',
      text: say(locale, 'Enable the Google Drive API.'),
    },
    {
      page: 'https://console.cloud.google.com/auth/overview',
      text: say(locale, 'Get started: app name Signet, your own address for support and contact, audience External.'),
    },
    {
      page: 'https://console.cloud.google.com/auth/audience',
      text: say(
        locale,
        'Publish app, so that it says “In production”. Nothing is reviewed for that. In testing, Google would end the sign-in every 7 days.',
      ),
    },
    {
      page: 'https://console.cloud.google.com/auth/clients',
      text:
        flow === 'browser'
          ? say(
              locale,
              'Create client, of the type “Desktop app”. Copy the client id and the client secret: Google shows the secret this once.',
            )
          : say(
              locale,
              'Create client, of the type “TVs and Limited Input devices”. Copy the client id and the client secret: Google shows the secret this once.',
            ),
    },
  ];
}

/** How the visit of the browser ended. */
export type SignInPage =
  | { readonly outcome: 'connected'; readonly account: string }
  | { readonly outcome: 'declined' }
  | { readonly outcome: 'failed'; readonly message: string; readonly advice: string }
  | { readonly outcome: 'over' }
  | { readonly outcome: 'foreign' };

interface PageWords {
  readonly heading: string;
  readonly text: string;
}

export function signInPageWords(page: SignInPage, locale: Locale = {}): PageWords {
  switch (page.outcome) {
    case 'connected':
      return {
        heading: say(locale, 'Google Drive is connected'),
        text: say(locale, 'Signet can keep sealed copies in the account {account}. You can close this page.', {
          account: page.account,
        }),
      };
    case 'declined':
      return {
        heading: say(locale, 'Google Drive was not connected'),
        text: say(locale, 'You did not agree, so nothing was changed. You can close this page.'),
      };
    case 'failed':
      return {
        heading: say(locale, 'Google Drive was not connected'),
        text: `${page.message} ${page.advice}`.trim(),
      };
    case 'over':
      return {
        heading: say(locale, 'This sign-in is over'),
        text: say(locale, 'Nothing was changed by opening this page. You can close it.'),
      };
    case 'foreign':
      return {
        heading: say(locale, 'This page belongs to no sign-in'),
        text: say(locale, 'Nothing was changed. If you were signing in, start again from Signet.'),
      };
  }
}

/** The page, in nothing but HTML: no script, nothing that is loaded. */
export function signInPageHtml(page: SignInPage): string {
  const { heading, text } = signInPageWords(page);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Signet</title><style>
:root { color-scheme: light dark }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto 0; padding: 0 1.5rem }
h1 { font-size: 1.5rem; font-weight: 600 }
</style></head>
<body><main><h1>${escaped(heading)}</h1><p>${escaped(text)}</p></main></body></html>
`;
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, character => entities[character] ?? '');
}
