// How a broken upload goes on, from what the server says it kept (Drive guide, "Upload file data", resumable). Pure.

export type UploadState =
  /** Complete: the body of the answer is the file. */
  | { readonly state: 'done' }
  /** Goes on with the byte after the last one kept. "Don't assume that the server received all bytes." */
  | { readonly state: 'go-on'; readonly offset: number }
  /** The session is over: a new one, with the same file id. */
  | { readonly state: 'lost' }
  /** Neither: the answer is an error to classify. */
  | { readonly state: 'refused' };

/**
 * @param range the header of a 308: `bytes=0-N`, absent when nothing was kept
 * @param sizeBytes of the whole object
 */
export function uploadState(status: number, range: string | undefined, sizeBytes: number): UploadState {
  if (status === 200 || status === 201) return { state: 'done' };
  if (status === 404 || status === 410) return { state: 'lost' };
  if (status !== 308) return { state: 'refused' };
  if (range === undefined) return { state: 'go-on', offset: 0 };
  const last = /^bytes=0-(\d{1,15})$/.exec(range)?.[1];
  // Bytes that were never there, or not from the start: such a session is not to be trusted with the rest.
  if (last === undefined || Number(last) >= sizeBytes) return { state: 'lost' };
  return { state: 'go-on', offset: Number(last) + 1 };
}

/** Content-Range of the bytes that are sent, or of a question about how far an upload got. */
export function contentRange(offset: number | 'ask', sizeBytes: number): string {
  return offset === 'ask' ? `bytes */${sizeBytes}` : `bytes ${offset}-${sizeBytes - 1}/${sizeBytes}`;
}

/** What a Content-Range of a download says: where its bytes begin, and how many the whole file has. */
export function servedRange(
  header: string | undefined,
): { readonly start: number; readonly total: number } | undefined {
  const [, start, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(header ?? '') ?? [];
  return start === undefined || total === undefined ? undefined : { start: Number(start), total: Number(total) };
}
