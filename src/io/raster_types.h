/* Between raster.c and raster_write.c. */
#ifndef IO_RASTER_TYPES_H
#define IO_RASTER_TYPES_H

#include <gdal.h>

#include "io/image.h"

GDALDataType raster_gdal_type(image_type t);

#endif
