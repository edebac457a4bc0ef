/** Answers with every kind of text that the page can show. */
export const EVERYTHING = {
  zh:
    "# 标题\n\n正文里有`代码`、[链接](https://example.org)和**重点**，还有“引号”与 English 混排。\n\n" +
    "| 方法 | 得分 | 说明 |\n|---|---|---|\n| 甲 | 97.4% | 从未见过的题目上的得分 |\n| 乙 | 12.5% | 随机猜测的水平 |\n\n" +
    "> 引文一段。\n\n1. 第一\n2. 第二\n\n- [x] 做完了\n- [ ] 还没有\n\n---\n\n```python\ndef a_long_function_name(argument_one, argument_two, argument_three):\n    return argument_one\n```",
  en:
    "# A heading\n\nText with `code`, a [link](https://example.org), **weight** and *stress*, ~~and a mistake~~.\n\n" +
    "| method | score | what it means |\n|---|---|---|\n| one | 97.4% | on questions it never saw |\n| two | 12.5% | what guessing reaches |\n\n" +
    "> A quotation.\n\n1. first\n2. second\n\n- [x] done\n- [ ] not yet\n\n---\n\n```python\ndef a_long_function_name(argument_one, argument_two, argument_three):\n    return argument_one\n```",
} as const;
