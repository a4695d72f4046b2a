declare module 's3rver' {
  /** What test/support/s3-server.ts uses of it. */
  export default class S3rver {
    constructor(options: {
      readonly address: string;
      readonly port: number;
      readonly silent: boolean;
      readonly directory: string;
      readonly vhostBuckets: boolean;
      readonly configureBuckets: readonly { readonly name: string }[];
    });
    readonly store: {
      listObjects(
        bucket: string,
        options: { readonly prefix: string },
      ): Promise<{
        readonly objects: readonly {
          readonly key: string;
          readonly size: number;
          readonly lastModifiedDate: Date;
          readonly metadata: { readonly etag: string };
        }[];
      }>;
    };
    run(): Promise<{ readonly port: number }>;
    close(): Promise<void>;
  }
}
