// Reads a picture that somebody lays over the camera's. It stays in this browser.

import { fit } from "./look.ts";

/** The longest side that is kept, in pixels: a logo takes at most two fifths of the width of a picture. */
const longest = 768;

/** Throws where the file is no picture. */
export async function readLogo(file: File): Promise<ImageBitmap> {
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    // An SVG may have no size of its own; then it is square.
    const { naturalWidth: width = 0, naturalHeight: height = 0 } = image;
    const size = width && height ? fit({ width, height }, { width: Math.min(longest, width), height: Math.min(longest, height) }) : { width: longest, height: longest };
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(size.width)), Math.max(1, Math.round(size.height)));
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.transferToImageBitmap();
  } finally {
    URL.revokeObjectURL(url);
  }
}
