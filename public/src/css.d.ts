/** Styles of shadow trees are bundled as texts. */
declare module "*.shadow.css" {
  const text: string;
  export default text;
}
