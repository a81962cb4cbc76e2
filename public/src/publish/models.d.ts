// Models and WebAssembly come into the bundle as files; what is imported is where they are.
declare module "*.bin" {
  const path: string;
  export default path;
}

declare module "*.wasm" {
  const path: string;
  export default path;
}
