/** The composer: what sends and what does not, above all while a Chinese word is being composed. */
import { cleanup, fireEvent, render } from "@testing-library/react";
import { createRef } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Composer, type ComposerHandle } from "../../src/chat/Composer";
import { startLanguages } from "../../src/i18n";

startLanguages();
afterEach(cleanup);

const sent = vi.fn();
const stopped = vi.fn();
const handle = createRef<ComposerHandle>();

function field(props: { busy?: boolean; ready?: boolean; last?: string } = {}): HTMLTextAreaElement {
  const { busy = false, ready = true, last } = props;
  const { container } = render(
    <Composer ref={handle} busy={busy} ready={ready} last={last} onSend={sent} onStop={stopped}>
      {null}
    </Composer>,
  );
  return container.querySelector("textarea") as HTMLTextAreaElement;
}

function write(element: HTMLTextAreaElement, value: string): void {
  fireEvent.change(element, { target: { value } });
}

beforeEach(() => {
  sent.mockReset();
  stopped.mockReset();
});

describe("Enter", () => {
  it("sends, and empties the field", () => {
    const element = field();
    write(element, "37 + 58?");
    fireEvent.keyDown(element, { key: "Enter" });
    expect(sent).toHaveBeenCalledExactlyOnceWith("37 + 58?");
    expect(element.value).toBe("");
  });

  it("with Shift starts a new line", () => {
    const element = field();
    write(element, "one");
    expect(fireEvent.keyDown(element, { key: "Enter", shiftKey: true })).toBe(true);
    expect(sent).not.toHaveBeenCalled();
  });

  it("takes a word over from an input method and sends nothing", () => {
    const element = field();
    write(element, "nihao");
    fireEvent.keyDown(element, { key: "Enter", isComposing: true });
    fireEvent.keyDown(element, { key: "Enter", keyCode: 229 }); // Safari: after the composition, but still its key
    expect(sent).not.toHaveBeenCalled();
    expect(element.value).toBe("nihao");
  });

  it("sends nothing that is empty, while an answer comes in, or without a server; the text stays", () => {
    for (const [props, text] of [
      [{}, "  \n "],
      [{ busy: true }, "x"],
      [{ ready: false }, "x"],
    ] as const) {
      const element = field(props);
      write(element, text);
      fireEvent.keyDown(element, { key: "Enter" });
      expect(element.value).toBe(text);
      cleanup();
    }
    expect(sent).not.toHaveBeenCalled();
  });
});

describe("the text", () => {
  it("keeps the indentation of its first line", () => {
    const element = field();
    write(element, "\n    return x\n\n");
    fireEvent.keyDown(element, { key: "Enter" });
    expect(sent).toHaveBeenCalledWith("    return x");
  });

  it("is the last question again after arrow up in an empty field, and only there", () => {
    const element = field({ last: "before" });
    write(element, "draft");
    fireEvent.keyDown(element, { key: "ArrowUp" });
    expect(element.value).toBe("draft");
    write(element, "");
    fireEvent.keyDown(element, { key: "ArrowUp" });
    expect(element.value).toBe("before");
  });
});

it("stops with the button that sends otherwise", () => {
  field({ busy: true });
  fireEvent.click(document.querySelector(".send") as HTMLElement);
  expect(stopped).toHaveBeenCalledOnce();
});
