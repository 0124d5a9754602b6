"""All that needs Qt: the widget, its tree, its dialogs and the browser (any binding that pyqtgraph knows)."""
