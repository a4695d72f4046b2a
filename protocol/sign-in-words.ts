// What a person reads on the way into Google Drive: the page on which the browser ends, and the steps to a client id of one's own. The
// command line and the extension share the steps; the page is sent by the background part.

/** Which kind of client fits a way to sign in: the redirect of the one goes to this computer, the other is a code typed anywhere. */
const clientKinds = { browser: 'Desktop app', device: 'TVs and Limited Input devices' } as const;

/** Why there are steps at all. */
export const ownClientWhy =
  'Google Drive asks for a client id of your own: the name under which Google knows your Signet. It is free, takes some ten minutes, and is done once. Nobody else uses it or can take it away from you, and with it Signet sees only the files it made.';

/** Each step with the page where it is done; signed in there with any Google account. */
export function ownClientSteps(
  flow: 'browser' | 'device',
): readonly { readonly page: string; readonly text: string }[] {
  return [
    {
      page: 'https://console.cloud.google.com/projectcreate',
      text: 'Create a project; any name will do, such as Signet. Wait until it is made, and see that it is the one chosen at the top.',
    },
    {
      page: 'https://console.cloud.google.com/apis/library/drive.googleapis.com',
      text: 'Enable the Google Drive API.',
    },
    {
      page: 'https://console.cloud.google.com/auth/overview',
      text: 'Get started: app name Signet, your own address for support and contact, audience External.',
    },
    {
      page: 'https://console.cloud.google.com/auth/audience',
      text: 'Publish app, so that it says “In production”. Nothing is reviewed for that. In testing, Google would end the sign-in every 7 days.',
    },
    {
      page: 'https://console.cloud.google.com/auth/clients',
      text: `Create client, of the type “${clientKinds[flow]}”. Copy the client id and the client secret: Google shows the secret this once.`,
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

export function signInPageWords(page: SignInPage): PageWords {
  switch (page.outcome) {
    case 'connected':
      return {
        heading: 'Google Drive is connected',
        text: `Signet can keep sealed copies in the account ${page.account}. You can close this page.`,
      };
    case 'declined':
      return {
        heading: 'Google Drive was not connected',
        text: 'You did not agree, so nothing was changed. You can close this page.',
      };
    case 'failed':
      return { heading: 'Google Drive was not connected', text: `${page.message} ${page.advice}`.trim() };
    case 'over':
      return { heading: 'This sign-in is over', text: 'Nothing was changed by opening this page. You can close it.' };
    case 'foreign':
      return {
        heading: 'This page belongs to no sign-in',
        text: 'Nothing was changed. If you were signing in, start again from Signet.',
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
