/** The page's signs: drawn on a 20 by 20 field in the colour of the words beside them. */
import { memo } from "react";

const PATHS = {
  plus: "M10 4v12M4 10h12",
  system: "M3.5 4.5h13v9h-13zM7.5 16.5h5M10 13.5v3",
  light:
    "M10 6.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7zM10 1.8v1.7M10 16.5v1.7M1.8 10h1.7M16.5 10h1.7M4.2 4.2l1.2 1.2M14.6 14.6l1.2 1.2M15.8 4.2l-1.2 1.2M5.4 14.6l-1.2 1.2",
  dark: "M16.5 11.6A6.8 6.8 0 0 1 8.4 3.5a6.8 6.8 0 1 0 8.1 8.1z",
  send: "M10 16V4.5M5 9.2l5-5l5 5",
  stop: "M6 6h8v8H6z",
  copy: "M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4",
  check: "M4 10.5l4 4l8-9",
  again: "M15.8 8A6.3 6.3 0 1 0 16.3 11.2M16.2 3.8V8.2h-4.4",
  edit: "M4 16l.8-3.4L13.6 3.8l2.6 2.6l-8.8 8.8zM11.8 5.6l2.6 2.6",
  plain: "M4 5h12M4 10h12M4 15h7",
  rendered: "M4 15.5L8.2 4.5h.6l4.2 11M5.6 11.5h5.8M14 7.5h3M15.5 7.5v8",
  previous: "M12 4.5L6.5 10l5.5 5.5",
  next: "M8 4.5l5.5 5.5l-5.5 5.5",
  down: "M10 4v11.5M5 10.8l5 5l5-5",
  alert: "M10 2.8L18 16.6H2zM10 8v4M10 14.1v.4",
  arrow: "M4.5 10h11M11 5.5l4.5 4.5l-4.5 4.5",
} as const;

/** The name of a sign. */
export type IconName = keyof typeof PATHS;

/** One sign. It says nothing by itself: the button around it has the words. */
export const Icon = memo(function Icon({ name }: { name: IconName }) {
  return (
    <svg
      className={`icon icon-${name}`}
      viewBox="0 0 20 20"
      width="20"
      height="20"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
});
