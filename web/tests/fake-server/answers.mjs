/** What the fake server tells about itself, and what it answers. */

/** GET /v1/page. */
export const PAGE = {
  model: "hanlin-demo",
  history_turns: 3,
  max_seq_len: 2048,
  version: "0.1.0",
  suggestions: [
    {
      zh: "这家店的面很香，老板也热情。这条评论是正面、中性还是负面？",
      en: "The noodles were great and the owner was kind. Positive, neutral or negative?",
    },
    { zh: "把“早上好，我的朋友”翻译成英文。", en: "Translate into Chinese: Good morning, my friend." },
    { zh: "计算 37 + 58。", en: "What is 37 + 58?" },
    {
      zh: "小明养了三只猫和一条狗。\n根据上文，小明养了几只猫？",
      en: "Anna has three cats and one dog.\nFrom the text: how many cats does Anna have?",
    },
    { zh: "补全代码：def area(width, height):", en: "Complete the code: def area(width, height):" },
    { zh: "你是谁？你能做什么？", en: "Who are you, and what can you do?" },
  ],
  skills: [
    { name: "sentiment", zh: "情感判断", en: "Sentiment", accuracy: 0.974 },
    { name: "translation", zh: "中英短语互译", en: "Phrases, Chinese and English", accuracy: 0.951 },
    { name: "arithmetic", zh: "加减法", en: "Arithmetic", accuracy: 0.928 },
    { name: "grounded", zh: "依据短文回答", en: "Answers from a text", accuracy: 0.962 },
    { name: "code", zh: "补全 Python 代码", en: "Python completion", accuracy: null },
    { name: "refusal", zh: "不会的就说不会", en: "Declining the rest", accuracy: 0.94 },
  ],
};

const CODE = '```python\ndef area(width, height):\n    """Area of a rectangle."""\n    return width * height\n```';

/** By a part of the question. */
const ANSWERS = new Map([
  ["面很香", "正面"],
  ["noodles", "Positive"],
  ["早上好", "Good morning, my friend."],
  ["Good morning", "早上好，我的朋友。"],
  ["37 + 58", "37 + 58 = 95"],
  ["几只猫", "三只。"],
  ["how many cats", "Three."],
  ["补全代码", `可以这样写：\n\n${CODE}\n\n它返回宽与高的乘积。`],
  ["Complete the code", `Like this:\n\n${CODE}\n\nIt returns width times height.`],
  [
    "你是谁",
    "我是翰林，一个在这台机器上从零训练的小模型。我会：\n\n- **情感判断**：正面、中性、负面\n- **互译**：中英文短语\n- **计算**：两位数加减\n\n别的事情，我会直说不会。",
  ],
  [
    "Who are you",
    "I am Hanlin, a small model trained from scratch on this machine. I can:\n\n- **judge sentiment**: positive, neutral, negative\n- **translate** short phrases\n- **calculate** with two-digit numbers\n\nAnything else I decline.",
  ],
]);

/** The answer to a question. */
export function answerTo(/** @type {string} */ question) {
  for (const [part, answer] of ANSWERS) if (question.includes(part)) return answer;
  return /[\u4e00-\u9fff]/.test(question)
    ? "这个我不会，我只学过页面上列出的几件事。"
    : "I have not learned that. I know only what the page lists.";
}

/** An answer in pieces of two or three characters, never inside a surrogate pair. */
export function pieces(/** @type {string} */ text) {
  return text.match(/[\s\S]{1,3}/gu) ?? [];
}
