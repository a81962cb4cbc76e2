import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, fit, isPlain, type Box, type Look, type Place, type Size } from "./look.ts";

const plain: Look = { effect: "", text: "", logo: undefined, place: "top-left" };

test("a picture is painted only when it changes", () => {
  assert.ok(isPlain(plain));
  assert.ok(!isPlain({ ...plain, effect: "blur" }));
  assert.ok(!isPlain({ ...plain, text: "Studio 3" }));
  assert.ok(!isPlain({ ...plain, logo: {} as ImageBitmap }));
});

const inside = ({ x, y, width, height }: Box, picture: Size) => x >= 0 && y >= 0 && x + width <= picture.width && y + height <= picture.height;
const places: Place[] = ["top-left", "top-middle", "top-right", "bottom-left", "bottom-middle", "bottom-right"];

test("an overlay is where it shall be, and never cut off", () => {
  for (const picture of [{ width: 1280, height: 720 }, { width: 360, height: 640 }, { width: 97, height: 55 }]) {
    for (const place of places) {
      for (const ems of [0, 0.5, 8, 80]) {
        for (const logo of [undefined, { width: 300, height: 100 }, { width: 1, height: 9000 }]) {
          const { logo: mark, plate, letters } = arrange(picture, logo, ems, place);
          assert.ok(letters > 0 && inside(mark, picture) && inside(plate, picture), `${place} ${ems} ${JSON.stringify({ picture, mark, plate })}`);
          const middle = (mark.x + plate.x + plate.width) / 2;
          if (place.endsWith("middle") && logo && ems) assert.ok(Math.abs(middle - picture.width / 2) < 1, place);
          if (place.startsWith("top")) assert.ok(plate.y < picture.height / 2);
          else assert.ok(plate.y + plate.height > picture.height / 2);
        }
      }
    }
  }
});

test("logo and text stand beside each other", () => {
  const { logo, plate } = arrange({ width: 640, height: 480 }, { width: 100, height: 100 }, 5, "bottom-right");
  assert.ok(logo.x + logo.width < plate.x);
  assert.equal(Math.round(plate.x + plate.width), 640 - 19);
  assert.ok(Math.abs(logo.y + logo.height / 2 - (plate.y + plate.height / 2)) < 1e-9);
});

test("what fits keeps its shape", () => {
  assert.deepEqual(fit({ width: 640, height: 480 }, { width: 320, height: 320 }), { width: 320, height: 240 });
  assert.deepEqual(fit({ width: 10, height: 40 }, { width: 320, height: 320 }), { width: 80, height: 320 });
  assert.deepEqual(fit({ width: 0, height: 40 }, { width: 320, height: 320 }), { width: 0, height: 0 });
});
