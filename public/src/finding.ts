// A worker that finds faces. It is the only script that loads the library for that (face-api on TensorFlow.js) and its models, and pages
// start it only when faces are asked for. All of it comes from this server.

import detectorPath from "@vladmandic/face-api/model/tiny_face_detector_model.bin";
import detectorManifest from "@vladmandic/face-api/model/tiny_face_detector_model-weights_manifest.json";
import landmarksPath from "@vladmandic/face-api/model/face_landmark_68_model.bin";
import landmarksManifest from "@vladmandic/face-api/model/face_landmark_68_model-weights_manifest.json";
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
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
}

/** The library looks for elements, which a worker has none of, and needs something to compare with. */
class NoElement {}

async function begin(): Promise<(picture: ImageData) => Promise<Face[]>> {
  say({ kind: "loading", step: 1, steps });
  const library = await import("@vladmandic/face-api");
  const elements = { Canvas: NoElement, Image: NoElement, Video: NoElement, ImageData };
  library.env.setEnv(elements as unknown as Parameters<Library["env"]["setEnv"]>[0]);
  await chooseBackend(library.tf as unknown as Backends);
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

/** The graphics processor where there is one. WebAssembly would need a looser content policy than the pages have. */
async function chooseBackend(tf: Backends): Promise<void> {
  if (!(await tf.setBackend("webgl").catch(() => false))) await tf.setBackend("cpu");
  await tf.ready();
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
