"""The usage text of the command line, and the line that a failing verb prints."""

import sys

USAGE = """\
usage: jzsl VERB ...

  jzsl run CONFIG.py [--any.field value] [--seeds N] [--out DIR] [--resume] [--profile]
      train and score; `jzsl run CONFIG.py -h` shows every field with its default and meaning
  jzsl run --from RUN_DIR [--out DIR]
      repeat a run from its folder, and compare the metrics
  jzsl tune CONFIG.py --out DIR [--grid.hard 0.5 0.7 ...]
      choose the settings of self-training on classes treated as unseen
  jzsl study NAME --data SOURCE --out DIR
      answer a question of the papers with a table and a figure; `jzsl study -h` lists them
  jzsl predict RUN_DIR|MODEL_DIR SAMPLES|PHOTOS --out predictions.csv [--add-class NAME=VECTOR.npy]
      classify new samples with a saved run or an exported model, also among new classes known by their semantics
  jzsl name RUN_DIR --classes new-1=NAME ... [--seed N]
      give names to the clusters that a run has discovered, for predict, export and report
  jzsl export RUN_DIR --out MODEL_DIR
      export the model of a run as programs and arrays that need no training code
  jzsl table RUN_DIR... [--format markdown|latex|csv] [--out FILE]
      print finished runs as a table for a paper
  jzsl report RUN_DIR... [--out PAGE.html]
      show finished runs on one page with figures
  jzsl features PHOTOS --out DIR [--network efficientnet_lite0] [--weights FILE] [--resume]
      turn photographs into features of the xlsa17 layout, by a pre-trained network
  jzsl semantics TEXTS.json --model DIR_OR_NAME --out SEMANTICS.npz
      turn descriptions of classes into vectors, for `jzsl run --semantics`
  jzsl data info|check SOURCE
      show sizes, classes, splits and hash of a data source, and the errors in it
"""


def fail(message: str, status: int) -> int:
    """One line on standard error; returns the exit status."""
    print(f"jzsl: {' '.join(message.split())}", file=sys.stderr)
    return status
