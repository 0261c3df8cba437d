"""What a reward model on disk is: the trainer exports with this room, the service serves with it.

manifest.py      reward_model.json: text form, constants, golden texts, file hashes, revision
text_form.py     prompt and response -> the token ids the model was trained on
golden_texts.py  which texts are golden, and their scores as transformers gives them
golden_check.py  whether an engine reproduces them
"""
