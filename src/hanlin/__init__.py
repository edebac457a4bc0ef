"""Hanlin: raw text to your own trained, evaluated language model, on the machine you own.

    import hanlin

    run = hanlin.pretrain(data=("corpus.txt",), budget="10min")
    tuned = hanlin.finetune(from_bundle=run.path, data=("conversations.jsonl",))
    model = hanlin.load(tuned.path)
    print(model.chat("你好"))

Names load on first use: importing the package imports nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hanlin import course as course
    from hanlin.life.ask import ask as ask
    from hanlin.life.asked_texts import embed as embed
    from hanlin.life.asked_texts import score as score
    from hanlin.life.augment_data import augment_data as augment_data
    from hanlin.life.build_data import build_data as build_data
    from hanlin.life.chat import chat as chat
    from hanlin.life.chatbot import Chatbot as Chatbot
    from hanlin.life.choose import choose_model as choose_model
    from hanlin.life.classify import Classifier as Classifier
    from hanlin.life.classify import QuestionAnswerer as Extractor
    from hanlin.life.classify import SentenceEmbedder as Embedder
    from hanlin.life.classify import TokenClassifier as TokenClassifier
    from hanlin.life.collect import collect_data as collect_data
    from hanlin.life.compare_tokenizers import compare_tokenizers as compare_tokenizers
    from hanlin.life.convert_data import convert_data as convert_data
    from hanlin.life.data_doctor import data_doctor as data_doctor
    from hanlin.life.data_report import data_report as data_report
    from hanlin.life.demo import demo as demo
    from hanlin.life.doctor import doctor as doctor
    from hanlin.life.evaluate import evaluate as eval
    from hanlin.life.export import export as export
    from hanlin.life.fill import fill_mask as fill_mask
    from hanlin.life.fill import infill as infill
    from hanlin.life.finetune import finetune as finetune
    from hanlin.life.inspect import inspect as inspect
    from hanlin.life.load import Model as Model
    from hanlin.life.load import load as load
    from hanlin.life.pipeline import pipeline as pipeline
    from hanlin.life.pretrain import pretrain as pretrain
    from hanlin.life.report import Report as Report
    from hanlin.life.run import run as run
    from hanlin.life.score_ngram import score_ngram as score_ngram
    from hanlin.life.score_quality import score_quality as score_quality
    from hanlin.life.sentiment import SentimentAnalyzer as SentimentAnalyzer
    from hanlin.life.serve import server as server
    from hanlin.life.task import evaluate_task as evaluate_task
    from hanlin.life.task import predict_task as predict_task
    from hanlin.life.task import train_task as train_task
    from hanlin.life.train_ngram import train_ngram as train_ngram
    from hanlin.life.train_quality import train_quality as train_quality
    from hanlin.life.train_tokenizer import train_tokenizer as train_tokenizer
    from hanlin.life.word_statistics import word_statistics as word_statistics
    from hanlin.text.chat import Conversation as Conversation
    from hanlin.text.chat import Message as Message
    from hanlin.text.chat import Template as Template
    from hanlin.text.tokenizer import Tokenizer as Tokenizer

_NAMES = {
    "ask": "hanlin.life.ask:ask",
    "augment_data": "hanlin.life.augment_data:augment_data",
    "build_data": "hanlin.life.build_data:build_data",
    "chat": "hanlin.life.chat:chat",
    "choose_model": "hanlin.life.choose:choose_model",
    "collect_data": "hanlin.life.collect:collect_data",
    "compare_tokenizers": "hanlin.life.compare_tokenizers:compare_tokenizers",
    "convert_data": "hanlin.life.convert_data:convert_data",
    "course": "hanlin.course",
    "data_doctor": "hanlin.life.data_doctor:data_doctor",
    "data_report": "hanlin.life.data_report:data_report",
    "demo": "hanlin.life.demo:demo",
    "doctor": "hanlin.life.doctor:doctor",
    "embed": "hanlin.life.asked_texts:embed",
    # Not `evaluate`: that name of this module is the room, as soon as anything imports it.
    "eval": "hanlin.life.evaluate:evaluate",
    "export": "hanlin.life.export:export",
    "fill_mask": "hanlin.life.fill:fill_mask",
    "evaluate_task": "hanlin.life.task:evaluate_task",
    "finetune": "hanlin.life.finetune:finetune",
    "infill": "hanlin.life.fill:infill",
    "inspect": "hanlin.life.inspect:inspect",
    "load": "hanlin.life.load:load",
    "pipeline": "hanlin.life.pipeline:pipeline",
    "predict_task": "hanlin.life.task:predict_task",
    "pretrain": "hanlin.life.pretrain:pretrain",
    "run": "hanlin.life.run:run",
    "score": "hanlin.life.asked_texts:score",
    "score_ngram": "hanlin.life.score_ngram:score_ngram",
    "score_quality": "hanlin.life.score_quality:score_quality",
    # Not `serve`, for the same reason.
    "server": "hanlin.life.serve:server",
    "train_ngram": "hanlin.life.train_ngram:train_ngram",
    "train_quality": "hanlin.life.train_quality:train_quality",
    "train_task": "hanlin.life.task:train_task",
    "train_tokenizer": "hanlin.life.train_tokenizer:train_tokenizer",
    "word_statistics": "hanlin.life.word_statistics:word_statistics",
    "Chatbot": "hanlin.life.chatbot:Chatbot",
    "Classifier": "hanlin.life.classify:Classifier",
    "Embedder": "hanlin.life.classify:SentenceEmbedder",
    "Extractor": "hanlin.life.classify:QuestionAnswerer",
    "TokenClassifier": "hanlin.life.classify:TokenClassifier",
    "Model": "hanlin.life.load:Model",
    "SentimentAnalyzer": "hanlin.life.sentiment:SentimentAnalyzer",
    "Report": "hanlin.life.report:Report",
    "Conversation": "hanlin.text.chat:Conversation",
    "Message": "hanlin.text.chat:Message",
    "Template": "hanlin.text.chat:Template",
    "Tokenizer": "hanlin.text.tokenizer:Tokenizer",
}

__all__ = [
    "Chatbot",
    "Classifier",
    "Conversation",
    "Embedder",
    "Extractor",
    "Message",
    "Model",
    "Report",
    "SentimentAnalyzer",
    "Template",
    "TokenClassifier",
    "Tokenizer",
    "ask",
    "augment_data",
    "build_data",
    "chat",
    "choose_model",
    "collect_data",
    "compare_tokenizers",
    "convert_data",
    "course",
    "data_doctor",
    "data_report",
    "demo",
    "doctor",
    "embed",
    "eval",
    "evaluate_task",
    "export",
    "fill_mask",
    "finetune",
    "infill",
    "inspect",
    "load",
    "pipeline",
    "predict_task",
    "pretrain",
    "run",
    "score",
    "score_ngram",
    "score_quality",
    "server",
    "train_ngram",
    "train_quality",
    "train_task",
    "train_tokenizer",
    "word_statistics",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for."""
    if name not in _NAMES:
        raise AttributeError(f"module 'hanlin' has no attribute {name!r}")
    module, _, attribute = _NAMES[name].partition(":")
    value = importlib.import_module(module)
    value = getattr(value, attribute) if attribute else value
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
