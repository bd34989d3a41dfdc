#include "io/gdal_scope.h"

#include <pthread.h>
#include <stdio.h>

#include <cpl_conv.h>
#include <cpl_error.h>
#include <gdal.h>

static void register_drivers(void)
{
    /* Opening a raster must not list its folder: data sets have folders of a hundred thousand files. */
    CPLSetConfigOption("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE");
    GDALAllRegister();
}

static void CPL_STDCALL keep_first(CPLErr kind, CPLErrorNum number, const char *text)
{
    (void)number;
    gdal_scope *s = CPLGetErrorHandlerUserData();
    if (kind >= CE_Failure && !s->text[0])
        snprintf(s->text, sizeof s->text, "%s", text);
}

void gdal_begin(gdal_scope *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    s->text[0] = 0;
    CPLPushErrorHandlerEx(keep_first, s);
    pthread_once(&once, register_drivers);
}

void gdal_end(gdal_scope *s)
{
    (void)s;
    CPLPopErrorHandler();
}

cseg_status gdal_fail(const gdal_scope *s, cseg_status code, const char *path, const char *verb, cseg_error *err)
{
    return fail(err, code, "%s: cannot %s: %s", path, verb, s->text[0] ? s->text : "GDAL gives no reason");
}
