declare module "fs-native-extensions" {
  /** Advisory lock on an open file, exclusive unless told; the kernel drops it when the process ends. */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean;
}
