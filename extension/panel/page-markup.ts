// The empty page of the panel: its policy, its style, its script, and the regions that speak. Everything else is made by the script.

export function pageMarkup(given: {
  readonly language: string;
  /** Base64, new for each page. */
  readonly nonce: string;
  readonly style: string;
  readonly script: string;
  /** Classes of the body, which the editor sets by itself. */
  readonly theme?: string;
}): string {
  const { language, nonce, style, script, theme } = given;
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'`;
  return `<!doctype html>
<html lang="${attribute(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>Signet</title>
<link rel="stylesheet" nonce="${nonce}" href="${attribute(style)}">
</head>
<body${theme === undefined ? '' : ` class="${attribute(theme)}"`}>
<p class="off-screen" role="alert"></p>
<p class="off-screen" role="status"></p>
<main></main>
<script nonce="${nonce}" src="${attribute(script)}"></script>
</body>
</html>
`;
}

function attribute(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
