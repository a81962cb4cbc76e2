// A worker that finds faces. It is the only script that loads the library for that (face-api on TensorFlow.js), its models and
// WebAssembly, which the server allows for this script alone; pages start it only when faces are asked for.

import wasmPath from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm";
import landmarksManifest from "@vladmandic/face-api/model/face_landmark_68_model-weights_manifest.json";
import landmarksPath from "@vladmandic/face-api/model/face_landmark_68_model.bin";
import detectorManifest from "@vladmandic/face-api/model/tiny_face_detector_model-weights_manifest.json";
import detectorPath from "@vladmandic/face-api/model/tiny_face_detector_model.bin";
import type { Face, Point } from "./contours.ts";
import type { Finding } from "./faces.ts";

/** Side of the square in which faces are looked for, a multiple of 32, how sure it must be of one, and how many it outlines at most. */
const inputSize = 224;
const scoreThreshold = 0.5;
const most = 4;

const steps = 4;
const say = (finding: Finding) => self.postMessage(finding);

type Library = typeof import("@vladmandic/face-api");

/** Of TensorFlow.js what the library's types leave out. */
interface Backends {
  env(): { set(flag: string, value: boolean): void };
  setWasmPaths(paths: Record<string, string>): void;
  setBackend(name: string): Promise<boolean>;
}

/** The library looks for elements, which a worker has none of, and needs something to compare with. */
class NoElement {}

async function begin(): Promise<(picture: ImageData) => Promise<Face[]>> {
  say({ kind: "loading", step: 1, steps });
  const library = await import("@vladmandic/face-api");
  const elements = { Canvas: NoElement, Image: NoElement, Video: NoElement, ImageData };
  library.env.setEnv(elements as unknown as Parameters<Library["env"]["setEnv"]>[0]);
  await useWebAssembly(library.tf as unknown as Backends);
  say({ kind: "loading", step: 2, steps });
  const detector = new library.TinyFaceDetector();
  detector.loadFromWeightMap(await weights(library, detectorPath, detectorManifest));
  say({ kind: "loading", step: 3, steps });
  const landmarks = new library.FaceLandmark68Net();
  landmarks.loadFromWeightMap(await weights(library, landmarksPath, landmarksManifest));
  say({ kind: "loading", step: 4, steps });
  const find = (picture: ImageData) => findFaces(library, detector, landmarks, picture);
  await find(new ImageData(inputSize, inputSize)); // the first picture takes longest
  return find;
}

/**
 * WebAssembly, which for models as small as these takes as long on every machine: compiling them for a graphics processor takes seconds,
 * and machines without one would find one face a second.
 */
async function useWebAssembly(tf: Backends): Promise<void> {
  const url = new URL(wasmPath, import.meta.url).href;
  const names = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm"];
  tf.setWasmPaths(Object.fromEntries(names.map((name) => [name, url])));
  tf.env().set("WASM_HAS_SIMD_SUPPORT", true); // all browsers that the pages are made for have it, and one file is enough
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); // that would take another
  if (!(await tf.setBackend("wasm"))) throw new Error("this browser does not run its WebAssembly");
}

async function weights({ tf }: Library, path: string, manifest: readonly { weights: object[] }[]) {
  const response = await fetch(new URL(path, import.meta.url));
  if (!response.ok) throw new Error(`${path} is answered by ${response.status}`);
  const specs = manifest.flatMap((group) => group.weights) as Parameters<typeof tf.io.decodeWeights>[1];
  return tf.io.decodeWeights(await response.arrayBuffer(), specs);
}

type Detector = InstanceType<Library["TinyFaceDetector"]>;
type Landmarks = InstanceType<Library["FaceLandmark68Net"]>;

/** Finds the faces, each in its square first, then the points in it. */
async function findFaces({ tf }: Library, detector: Detector, landmarks: Landmarks, picture: ImageData): Promise<Face[]> {
  const { width, height } = picture;
  const pixels = tf.browser.fromPixels(picture);
  const faces: Face[] = [];
  try {
    for (const { box } of (await detector.locateFaces(pixels, { inputSize, scoreThreshold })).slice(0, most)) {
      const [left, right] = within(box.left, box.right, width);
      const [top, bottom] = within(box.top, box.bottom, height);
      if (right <= left || bottom <= top) continue;
      const cut = tf.slice3d(pixels, [top, left, 0], [bottom - top, right - left, 3]);
      const marks = await landmarks.detectLandmarks(cut);
      cut.dispose();
      if (Array.isArray(marks)) continue; // one picture gives one face
      faces.push(marks.positions.map(({ x, y }): Point => [(left + x) / width, (top + y) / height]));
    }
  } finally {
    pixels.dispose();
  }
  return faces;
}

/** A range in whole pixels that there are. */
const within = (from: number, to: number, end: number) => [Math.max(0, Math.floor(from)), Math.min(end, Math.ceil(to))] as const;

async function run(): Promise<void> {
  const find = await begin();
  addEventListener("message", ({ data }: MessageEvent<ImageData>) => {
    find(data).then((faces) => say({ kind: "faces", faces }), failed);
  });
  say({ kind: "ready" });
}

function failed(error: unknown): void {
  say({ kind: "failed", reason: error instanceof Error ? error.message : String(error) });
}

run().catch(failed);
