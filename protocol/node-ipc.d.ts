// The part of node-ipc 14.0.0 that socket.ts uses; the package brings no types.

declare module 'node-ipc' {
  import type { Server as NetServer, Socket } from 'node:net';

  interface Emitter {
    on(type: string, handler: (...args: never[]) => void): this;
    off(type: string, handler: (...args: never[]) => void): this;
  }

  interface Server extends Emitter {
    readonly server: NetServer | false;
    /** Throws when the frame is larger than `maxMessageSize`. */
    emit(socket: Socket, type: string, data: unknown): boolean;
    start(): void;
    stop(): void;
  }

  interface Client extends Emitter {
    readonly socket: Socket;
    emit(type: string, data: unknown): boolean;
  }

  export class IPCModule {
    readonly config: Record<string, unknown>;
    readonly of: Record<string, Client>;
    readonly server: Server;
    serve(path: string): void;
    connectTo(id: string, path: string, callback: () => void): void;
    disconnect(id: string): void;
  }
}
