"""The single-colour SVG icons drawn for this project; ``h5saver_widget.qt.icons`` recolours and renders them."""
