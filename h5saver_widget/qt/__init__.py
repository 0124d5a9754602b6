"""All that needs Qt: the widget, its tree and what is drawn around them (any binding that pyqtgraph knows)."""
