/** In which script a text is written, for fonts, line breaks and screen readers. */

const HAN = /\p{Script=Han}/u;

/** The `lang` of words that may be in another language than the page: Chinese where any Chinese is in them. */
export function langOf(text: string): "zh-CN" | "en" {
  return HAN.test(text) ? "zh-CN" : "en";
}
