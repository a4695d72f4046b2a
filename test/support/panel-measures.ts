// What is measured of the Status panel, as it comes out of the page.

export interface Contrast {
  readonly what: 'text' | 'mark' | 'chart' | 'edge';
  readonly name: string;
  readonly ratio: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
