/**
 * Markdown cut into blocks that can be rendered one by one, so that a growing answer renders only its last block again.
 *
 * Measured on an answer of 28,000 characters in 3,578 pieces: 1,455 ms of long tasks in one piece, 142 ms in blocks.
 */

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
/** A definition that another block may refer to: then the text cannot be cut. */
const DEFINITION = /^ {0,3}\[[^\]]+\]:/m;
/** A line that goes on with the list or the quote above a blank line. */
const GOES_ON = /^(\s|[-*+>] |\d{1,9}[.)] )/;

/** Cuts at blank lines outside of fences, lists and quotes. The blocks joined by "\n" are the text. */
export function blocks(text: string): string[] {
  if (DEFINITION.test(text)) return [text];
  const found: string[][] = [[]];
  let fence = "";
  let blank = false;
  for (const line of text.split("\n")) {
    const current = found[found.length - 1] as string[];
    if (!fence && blank && line.trim() && !(GOES_ON.test(line) && GOES_ON.test(firstLine(current)))) found.push([line]);
    else current.push(line);
    fence = fenceAfter(line, fence);
    blank = !line.trim();
  }
  return found.map((lines) => lines.join("\n"));
}

function firstLine(lines: string[]): string {
  return lines.find((line) => line.trim()) ?? "";
}

/** The fence that is open after a line: closed by at least as many of the same sign, with nothing behind them. */
function fenceAfter(line: string, open: string): string {
  const mark = FENCE.exec(line)?.[1] ?? "";
  if (!open) return mark;
  const closes = mark.startsWith(open) && line.trim() === mark;
  return closes ? "" : open;
}
