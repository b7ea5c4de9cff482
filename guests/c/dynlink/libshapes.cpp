// A library in C++: a constructor, virtual functions, a template's static.
namespace {

struct Shape
{
    virtual int area() const = 0;
};

struct Square : Shape
{
    explicit Square(int side) : side(side) {}
    int area() const override { return side * side; }
    int side;
};

struct Circle : Shape
{
    explicit Circle(int radius) : radius(radius) {}
    int area() const override { return 3 * radius * radius; }
    int radius;
};

struct All
{
    All() : shapes{ &square, &circle } {}
    Square square{ 3 };
    Circle circle{ 2 };
    const Shape* shapes[2];
};

All all;

} // namespace

extern "C" int shapes_area()
{
    int sum = 0;
    for (const Shape* shape : all.shapes) {
        sum += shape->area();
    }
    return sum;
}
