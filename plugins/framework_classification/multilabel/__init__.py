"""The task multilabel: any number of labels a text."""
