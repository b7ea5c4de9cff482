"""A ray tracer of spheres on a chequered floor: many short-lived objects and calls."""
import math

EPSILON = 1e-6


class Vector:
    def __init__(self, x, y, z):
        self.x = x
        self.y = y
        self.z = z

    def dot(self, other):
        return self.x * other.x + self.y * other.y + self.z * other.z

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def scale(self, by):
        return Vector(self.x * by, self.y * by, self.z * by)

    def magnitude(self):
        return math.sqrt(self.dot(self))

    def normalised(self):
        return self.scale(1.0 / self.magnitude())

    def reflected(self, normal):
        return self - normal.scale(2 * self.dot(normal))


class Ray:
    def __init__(self, start, direction):
        self.start = start
        self.direction = direction.normalised()

    def at(self, distance):
        return self.start + self.direction.scale(distance)


class Sphere:
    def __init__(self, centre, radius, surface):
        self.centre = centre
        self.radius = radius
        self.surface = surface

    def intersect(self, ray):
        to_centre = self.centre - ray.start
        along = to_centre.dot(ray.direction)
        inside = self.radius**2 - (to_centre.dot(to_centre) - along * along)
        if inside < 0:
            return None
        return along - math.sqrt(inside)

    def normal_at(self, point):
        return (point - self.centre).normalised()


class Floor:
    def __init__(self, height, surface):
        self.height = height
        self.surface = surface

    def intersect(self, ray):
        if abs(ray.direction.y) < EPSILON:
            return None
        return (self.height - ray.start.y) / ray.direction.y

    def normal_at(self, point):
        return Vector(0, 1, 0)


class Plain:
    def __init__(self, colour, mirror=0.2):
        self.colour = colour
        self.mirror = mirror

    def colour_at(self, point):
        return self.colour


class Chequered(Plain):
    def colour_at(self, point):
        odd = (int(math.floor(point.x)) + int(math.floor(point.z))) & 1
        return (0.1, 0.1, 0.1) if odd else self.colour


class Scene:
    def __init__(self):
        self.things = []
        self.lights = []
        self.eye = Vector(0, 1.8, 10)

    def hit(self, ray):
        nearest, distance = None, None
        for thing in self.things:
            at = thing.intersect(ray)
            if at is not None and at > EPSILON and (distance is None or at < distance):
                nearest, distance = thing, at
        return nearest, distance

    def light_is_visible(self, light, point):
        ray = Ray(point, light - point)
        return self.hit(ray)[0] is None

    def colour_of(self, ray, depth=0):
        if depth > 3:
            return (0.0, 0.0, 0.0)
        thing, distance = self.hit(ray)
        if thing is None:
            return (0.4, 0.6, 0.9)
        point = ray.at(distance)
        normal = thing.normal_at(point)
        colour = thing.surface.colour_at(point)
        bounced = self.colour_of(Ray(point, ray.direction.reflected(normal)), depth + 1)
        light_sum = 0.1
        for light in self.lights:
            if self.light_is_visible(light, point):
                light_sum += max(0.0, (light - point).normalised().dot(normal))
        mirror = thing.surface.mirror
        return tuple(
            mirror * back + (1 - mirror) * min(1.0, light_sum) * own
            for back, own in zip(bounced, colour)
        )

    def render(self, width, height):
        pixels = bytearray()
        for y in range(height):
            for x in range(width):
                direction = Vector((x / width - 0.5) * 1.6, 0.4 - y / height, -1.0)
                for part in self.colour_of(Ray(self.eye, direction)):
                    pixels.append(max(0, min(255, int(part * 255))))
        return pixels


def main():
    scene = Scene()
    scene.lights += [Vector(30, 30, 10), Vector(-10, 100, 30)]
    scene.things.append(Sphere(Vector(1, 3, -10), 2, Plain((1, 1, 0))))
    for y in range(6):
        scene.things.append(Sphere(Vector(-3 - y * 0.4, 2.3, -5), 0.4, Plain((y / 6, 1 - y / 6, 0.5))))
    scene.things.append(Floor(0, Chequered((1, 1, 1))))
    pixels = scene.render(120, 120)
    print(len(pixels), [sum(pixels[i::3]) // 100 for i in range(3)])


main()
